import { TsbuildError } from '../base/errors.ts'
import { defaultRegistry } from '../oci/reference.ts'
import type { Repository } from '../oci/reference.ts'
import type { RegistrySettings } from '../settings/settings.ts'
import { inAddressBlock } from './transport/address-block.ts'
import { isLoopback } from './transport/url.ts'

/** A place where a repository can be asked for: a mirror, or the registry itself. */
export interface Place {
  readonly kind: 'mirror' | 'registry'
  /** `host[:port]` to connect to. */
  readonly host: string
  /** Name of the repository there. */
  readonly repository: string
  /** Host whose credentials and certificates count. */
  readonly identity: string
  /** Plain http and unverified TLS are accepted. */
  readonly insecure: boolean
}

/** What a request wants: mirrors serve reads only, some of them only by digest or only by tag. */
export type Access = 'read-digest' | 'read-tag' | 'write'

/** Docker Hub's API is served by another host than its name says. */
const hubHost = 'registry-1.docker.io'

/** The places of a repository in the order in which they are tried; the registry itself is last. Error: REGISTRY_BLOCKED. */
export function placesOf(repository: Repository, access: Access, settings: RegistrySettings): readonly Place[] {
  const name = `${repository.registry}/${repository.repository}`
  const blocked = settings.blocked.find((prefix) => hasPrefix(name, prefix))
  if (blocked !== undefined) {
    throw new TsbuildError('REGISTRY_BLOCKED', `Cannot use "${name}": the registry configuration blocks "${blocked}"`, {
      hint: "See registries.conf and tsbuild's config.json",
    })
  }
  const itself: Place = {
    kind: 'registry',
    host: repository.registry === defaultRegistry ? hubHost : repository.registry,
    repository: repository.repository,
    identity: repository.registry,
    insecure: isInsecure(repository.registry, name, settings.insecure),
  }
  return access === 'write' ? [itself] : [...mirrorsOf(repository, name, access, settings), itself]
}

function mirrorsOf(repository: Repository, name: string, access: Access, settings: RegistrySettings): readonly Place[] {
  const prefix = Object.keys(settings.mirrors)
    .filter((candidate) => hasPrefix(name, candidate))
    .sort((a, b) => b.length - a.length)[0]
  if (prefix === undefined) return []
  const rest = prefix.startsWith('*') ? repository.repository : name.slice(prefix.length).replace(/^\//, '')
  return (settings.mirrors[prefix] ?? [])
    .filter(({ pull }) => pull === 'all' || (pull === 'digest-only') === (access === 'read-digest'))
    .map(({ location, insecure }) => {
      const slash = location.indexOf('/')
      const host = slash < 0 ? location : location.slice(0, slash)
      const path = slash < 0 ? '' : location.slice(slash + 1)
      return {
        kind: 'mirror' as const,
        host: host === defaultRegistry ? hubHost : host,
        repository: [path, rest].filter((part) => part !== '').join('/'),
        identity: host,
        insecure: insecure || isInsecure(host, location, settings.insecure),
      }
    })
}

/** `host[:port][/path]` as a prefix on component borders, or `*.domain` for a host (containers-registries.conf(5)). */
function hasPrefix(name: string, prefix: string): boolean {
  if (prefix.startsWith('*.')) return name.slice(0, name.indexOf('/')).endsWith(prefix.slice(1))
  return name === prefix || name.startsWith(`${prefix.replace(/\/$/, '')}/`)
}

function isInsecure(host: string, name: string, insecure: readonly string[]): boolean {
  const address = host.replace(/:\d+$/, '')
  return (
    isLoopback(host) ||
    insecure.some((entry) => hasPrefix(name, entry) || entry === address || inAddressBlock(address, entry))
  )
}
