import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [
    { name: 'NETWORK', complete: 'network' },
    { name: 'CONTAINER', complete: 'container' },
  ],
  flags: {
    alias: { kind: 'string', repeat: true, value: 'NAME', help: 'Further name of the container in the network' },
    ip: { kind: 'string', value: 'IP', help: 'IPv4 address' },
    ip6: { kind: 'string', value: 'IP', help: 'IPv6 address' },
  },
  async run({ flags, args: [network = '', container = ''] }, context) {
    const engine = await context.openEngine()
    const { networkConnect } = await import('../../engine/network-connect.ts')
    const { alias: aliases, ip = null, ip6 = null } = flags
    await networkConnect(engine, { network, container, aliases, ip, ip6 }, context)
    return 0
  },
})
