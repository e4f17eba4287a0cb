import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { hostResolver, hostsFile, isLoopback, readIfThere, resolvConf } from '../network/etc-files.ts'
import type { HostsEntry, ResolverConfig } from '../network/etc-files.ts'
import { nameServiceAddress } from '../network/network-plan.ts'
import type { JoinedNetwork } from '../network/network-plan.ts'
import type { Network } from '../network/network-records.ts'
import type { EtcFiles } from '../runtime/sandbox.ts'
import type { Container } from './container-records.ts'
import type { ContainerNetwork } from './container-spec.ts'

/** Containers of a network of one's own know each other by name; in the default one they do not, as with docker. */
export function isNamed(network: Network): boolean {
  return network.name !== 'bridge'
}

export interface Resolver {
  readonly config: ResolverConfig
  /** Servers that the name service asks; undefined: the container asks for itself. */
  readonly upstream: readonly string[] | undefined
}

/**
 * Who answers for names. In a network of one's own the name service does, which knows the containers; in the default one the host's servers
 * do, unless only the host can ask them (systemd-resolved): then the name service asks for the container.
 */
export function resolverOf(network: ContainerNetwork, joined: readonly JoinedNetwork[]): Resolver {
  const host = hostResolver()
  const servers = network.dns.length > 0 ? network.dns : host.servers
  const search = network.dnsSearch.length > 0 ? network.dnsSearch.filter((domain) => domain !== '.') : host.search
  const options = network.dnsOptions.length > 0 ? network.dnsOptions : host.options
  const isApart = network.mode === 'bridge'
  const serves =
    joined.some(({ network: one }) => isNamed(one)) || (isApart && servers.length > 0 && servers.every(isLoopback))
  if (!serves)
    return {
      config: {
        servers: isApart ? servers.filter((server) => !isLoopback(server)) : servers,
        search,
        options,
      },
      upstream: undefined,
    }
  return {
    config: {
      servers: [nameServiceAddress],
      search,
      options: [...options.filter((option) => !option.startsWith('ndots:')), 'ndots:0'],
    },
    // Who has no way out gets no answers from there either.
    upstream: joined.every(({ network: one }) => one.internal) ? [] : servers,
  }
}

/** Writes hosts, resolv.conf and hostname of a container into `directory`. */
export function writeEtc(
  container: Container,
  directory: string,
  { joined, linked }: { readonly joined: readonly JoinedNetwork[]; readonly linked: readonly HostsEntry[] },
): EtcFiles {
  const { spec } = container
  const files = {
    hosts: join(directory, 'hosts'),
    resolvConf: join(directory, 'resolv.conf'),
    hostname: join(directory, 'hostname'),
  }
  const gateway = joined[0]?.network.subnets[0]?.gateway ?? '127.0.0.1'
  const extra = spec.network.extraHosts.map((text): HostsEntry => {
    const at = text.indexOf(':')
    const address = text.slice(at + 1)
    return { address: address === 'host-gateway' ? gateway : address, names: [text.slice(0, at)] }
  })
  const own = joined
    .flatMap(({ endpoint }) => [endpoint.address, endpoint.address6])
    .filter((address) => address !== '')
  const full = spec.domainname === '' ? [] : [`${spec.hostname}.${spec.domainname}`]
  const entries = [...extra, ...linked, ...own.map((address) => ({ address, names: [...full, spec.hostname] }))]
  const hosts =
    spec.network.mode === 'host'
      ? `${readIfThere('/etc/hosts')}${extra.map(({ address, names }) => `${address}\t${names[0]}\n`).join('')}`
      : hostsFile(entries)
  writeFileSync(files.hosts, hosts)
  writeFileSync(files.resolvConf, resolvConf(resolverOf(spec.network, joined).config))
  writeFileSync(files.hostname, `${spec.hostname}\n`)
  return files
}
