import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'NETWORK' }],
  flags: {
    attachable: {
      kind: 'boolean',
      hidden: true,
      help: 'Let containers attach',
      ignored: 'every network lets containers attach',
    },
    'aux-address': {
      kind: 'string',
      repeat: true,
      value: 'NAME=IP',
      help: 'Address that no container gets, such as a router',
    },
    driver: { kind: 'string', short: 'd', value: 'DRIVER', default: 'bridge', help: 'Network driver' },
    gateway: { kind: 'string', repeat: true, value: 'IP', help: "Gateway: the host's address in the subnet" },
    internal: { kind: 'boolean', help: 'No way out of the network' },
    'ip-range': { kind: 'string', repeat: true, value: 'CIDR', help: 'Part of the subnet to give addresses from' },
    'ipam-driver': { kind: 'string', hidden: true, choices: ['default'], value: 'DRIVER', help: 'Who gives addresses' },
    ipv4: { kind: 'boolean', default: true, help: 'Give IPv4 addresses' },
    ipv6: { kind: 'boolean', help: 'Give IPv6 addresses too' },
    label: { kind: 'string', repeat: true, value: 'KEY=VALUE', help: 'Set a label' },
    opt: { kind: 'string', short: 'o', repeat: true, value: 'KEY=VALUE', help: 'Option of the driver' },
    scope: { kind: 'string', hidden: true, choices: ['local'], value: 'SCOPE', help: 'Reach of the network' },
    subnet: { kind: 'string', repeat: true, value: 'CIDR', help: 'Subnet in CIDR form' },
  },
  details:
    'A firewall of the host that drops what it forwards is obeyed: published ports are then reached from the host alone. With -o tsbuild.firewall=open ' +
    'an accept for the network stands at the head of its chains, as long as containers run in the network; "tsbuild network reload" puts it back when the firewall was ' +
    'loaded anew. Options of docker that work: com.docker.network.bridge.name, .enable_icc, .enable_ip_masquerade and .host_binding_ipv4, ' +
    'com.docker.network.driver.mtu, com.docker.network.container_iface_prefix.',
  examples: ['tsbuild network create backend', 'tsbuild network create --subnet 10.5.0.0/16 --gateway 10.5.0.1 lab'],
  async run({ flags, args: [name = ''] }, context) {
    const { parsePairs } = await import('../../container/flags/env-flag.ts')
    const [labels, options] = [parsePairs(flags.label), parsePairs(flags.opt)]
    const reserved = parsePairs(flags['aux-address'])
    const engine = await context.openEngine()
    const { networkCreate } = await import('../../engine/network-create.ts')
    const network = networkCreate(engine, {
      name,
      driver: flags.driver,
      subnets: flags.subnet,
      gateways: flags.gateway,
      ranges: flags['ip-range'],
      reserved,
      internal: flags.internal,
      ipv4: flags.ipv4,
      ipv6: flags.ipv6,
      labels,
      options,
    })
    context.terminal.printLine(network.id)
    return 0
  },
})
