import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { NetworkRequest, StepNetwork, StepNetworks } from '../build/ops/step-network.ts'
import { hostResolver, hostsFile, isLoopback, resolvConf } from '../network/etc-files.ts'
import type { ResolverConfig } from '../network/etc-files.ts'
import { interfacePlan, nameServiceAddress } from '../network/network-plan.ts'
import type { Endpoint, Network } from '../network/network-records.ts'
import type { NetworkPlan } from '../network/network-plan.ts'
import type { Engine } from './engine.ts'

/** Host name of a step's sandbox where BUILDKIT_SANDBOX_HOSTNAME gives none; BuildKit's. */
const sandboxHostname = 'buildkitsandbox'

/** Connections of RUN steps; disposing it lets the bridge go when nobody else is on it. */
export interface BuildNetworks extends StepNetworks, AsyncDisposable {}

/** `default` is the bridge that containers have without `--network`, or pasta for an unprivileged user. */
export function buildNetworks(
  engine: Pick<Engine, 'networks' | 'settings' | 'native'>,
  volatile: string,
): BuildNetworks {
  const { networks, settings, native } = engine
  let bridge: string | undefined

  function attach({
    id,
    mode,
  }: NetworkRequest): { readonly network: Network; readonly endpoint: Endpoint } | undefined {
    if (mode !== 'default' || settings.rootless) return undefined
    const network = networks.get('bridge')
    const wish = {
      owner: id,
      interface: 'eth0',
      ip: null,
      ip6: null,
      mac: null,
      aliases: [],
      names: [],
      transient: true,
    }
    bridge = network.bridge
    return { network, endpoint: networks.attach(network, wish) }
  }

  return {
    async [Symbol.asyncDispose]() {
      // The interfaces of the last step may take a moment longer than we want to wait.
      if (bridge !== undefined) await native.call('network', { op: 'bridge-remove', name: bridge, wait: false })
    },
    async connect(request): Promise<StepNetwork> {
      const { id, mode, hosts } = request
      const hostname = request.hostname === '' ? sandboxHostname : request.hostname
      const directory = join(volatile, id)
      const joined = attach(request)
      mkdirSync(directory, { recursive: true, mode: 0o755 })
      const gateway = joined?.network.subnets[0]?.gateway ?? '127.0.0.1'
      const own = joined === undefined ? [] : [{ address: joined.endpoint.address, names: [hostname] }]
      const extra = hosts.map(({ name, address }) => ({
        address: address === 'host-gateway' ? gateway : address,
        names: [name],
      }))
      const host = hostResolver()
      // Servers that only the host can ask are asked for the step by the name service.
      const isApart = mode === 'default'
      const relayed = isApart && host.servers.length > 0 && host.servers.every(isLoopback)
      const etc = { hosts: join(directory, 'hosts'), resolvConf: join(directory, 'resolv.conf') }
      writeFileSync(etc.hosts, hostsFile([...extra, { address: '127.0.0.1', names: [hostname] }, ...own]))
      writeFileSync(etc.resolvConf, mode === 'none' ? '' : resolvConf(resolverOf(host, isApart, relayed)))
      return {
        plan: planOf(mode, joined, relayed ? host.servers : undefined),
        hostname,
        etc,
        async [Symbol.asyncDispose]() {
          if (joined !== undefined) networks.records.removeEndpoints(id)
          rmSync(directory, { recursive: true, force: true })
        },
      }
    },
  }
}

function planOf(
  mode: NetworkRequest['mode'],
  joined: { readonly network: Network; readonly endpoint: Endpoint } | undefined,
  upstream: readonly string[] | undefined,
): NetworkPlan {
  if (mode !== 'default') return { mode }
  const dns = upstream === undefined ? {} : { dns: { servers: upstream } }
  if (joined === undefined) return { mode: 'user', ports: [], ...dns }
  const interfaces = [interfacePlan({ ...joined, defaults: ['ipv4', 'ipv6'] })]
  return { mode: 'bridge', interfaces, ports: [], ...dns }
}

function resolverOf(host: ResolverConfig, isApart: boolean, relayed: boolean): ResolverConfig {
  if (relayed) return { ...host, servers: [nameServiceAddress], options: [...host.options, 'ndots:0'] }
  return isApart ? { ...host, servers: host.servers.filter((server) => !isLoopback(server)) } : host
}
