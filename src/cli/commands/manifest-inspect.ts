import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'
import { insecureFlag } from '../registry/edit-flags.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'NAME' }, { name: 'MANIFEST', optional: true }],
  flags: {
    ...insecureFlag,
    verbose: { kind: 'boolean', short: 'v', help: 'Show names, descriptors and platforms, too' },
  },
  details:
    'NAME is a list of "manifest create", or a manifest or index of a registry; MANIFEST is an image of that list.',
  async run({ flags, args: [name = '', image] }, context) {
    const engine = await context.openEngine()
    const { manifestInspect } = await import('../../engine/manifest-inspect.ts')
    const request = { name, image, verbose: flags.verbose }
    const found = await manifestInspect(engine, await engine.registry(), request, context)
    if (found.kind === 'document') context.terminal.printLine(JSON.stringify(found.value, undefined, '\t'))
    else context.terminal.print(Buffer.concat([found.bytes, Buffer.from('\n')]))
    return 0
  },
})
