import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [
    { name: 'NETWORK', complete: 'network' },
    { name: 'CONTAINER', complete: 'container' },
  ],
  flags: {
    alias: { kind: 'string', repeat: true, value: 'NAME', help: 'Further name of the container in the network' },
    'driver-opt': {
      kind: 'string',
      repeat: true,
      hidden: true,
      value: 'KEY=VALUE',
      help: 'Option of the driver',
      ignored: 'the driver bridge has none for a single container',
    },
    ip: { kind: 'string', value: 'IP', help: 'IPv4 address' },
    ip6: { kind: 'string', value: 'IP', help: 'IPv6 address' },
    link: {
      kind: 'string',
      repeat: true,
      value: 'CONTAINER[:ALIAS]',
      complete: 'container',
      help: 'Make another container of the network known by a name',
    },
  },
  async run({ flags, args: [network = '', container = ''] }, context) {
    const engine = await context.openEngine()
    const { networkConnect } = await import('../../engine/network-connect.ts')
    const { parseLink } = await import('../../container/flags/link-flag.ts')
    const { alias: aliases, ip = null, ip6 = null } = flags
    const links = flags.link.map(parseLink)
    await networkConnect(engine, { network, container, aliases, ip, ip6, links }, context)
    return 0
  },
})
