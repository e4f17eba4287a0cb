import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'CONTAINER', many: true, optional: true, complete: 'container' }],
  flags: { all: { kind: 'boolean', short: 'a', hidden: true, help: 'All containers', ignored: 'it is the default' } },
  details:
    'Makes bridges, addresses and firewall rules of running containers again where something else took them away, such as "nft flush ruleset" or the ' +
    'restart of a firewall or of docker. Without a container all are put right. Connections that stand stay.',
  examples: ['tsbuild network reload', 'tsbuild network reload web'],
  async run({ args }, context) {
    const engine = await context.openEngine()
    const { networkReload, reloadable } = await import('../../engine/network-reload.ts')
    const { eachName } = await import('../container/each-name.ts')
    const names = args.length > 0 ? args : await reloadable(engine)
    return await eachName(names, context, (name) => networkReload(engine, name))
  },
})
