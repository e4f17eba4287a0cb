import { TsbuildError } from '../base/errors.ts'
import { defaultRegistry } from '../oci/reference.ts'
import type { Repository } from '../oci/reference.ts'
import type { RegistryRule, RegistrySettings } from '../settings/settings.ts'
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

/**
 * The places of a repository in the order in which they are tried; the registry itself, or the location that stands for it, is last.
 * Error: REGISTRY_BLOCKED.
 */
export function placesOf(repository: Repository, access: Access, settings: RegistrySettings): readonly Place[] {
  const name = `${repository.registry}/${repository.repository}`
  const [prefix = '', rule, rest = ''] = ruleFor(name, settings) ?? []
  if (rule?.blocked === true) {
    throw new TsbuildError('REGISTRY_BLOCKED', `Cannot use "${name}": the registry configuration blocks "${prefix}"`, {
      hint: "See registries.conf and tsbuild's config.json",
    })
  }
  const place = (kind: Place['kind'], target: string, insecure: boolean): Place => {
    const slash = target.indexOf('/')
    const host = target.slice(0, slash)
    return {
      kind,
      host: host === defaultRegistry ? hubHost : host,
      repository: target.slice(slash + 1),
      identity: host,
      insecure: insecure || isInsecure(host, target, settings.insecure),
    }
  }
  const insecure = rule?.insecure === true
  if (access === 'write') return [place('registry', name, insecure)]
  const mirrors = (rule?.mirrors ?? [])
    .filter(({ pull }) => pull === 'all' || (pull === 'digest-only') === (access === 'read-digest'))
    .map((mirror) => place('mirror', `${mirror.location}${rest}`, mirror.insecure))
  const itself = rule?.location === undefined ? name : `${rule.location}${rest}`
  return [...mirrors, place('registry', itself, insecure)]
}

type Fit = readonly [prefix: string, rule: RegistryRule, rest: string]

/** The rule of the longest prefix, with what of the name comes after that. */
function ruleFor(name: string, settings: RegistrySettings): Fit | undefined {
  const fits = Object.entries(settings.rules).flatMap(([prefix, rule]): readonly Fit[] => {
    const rest = restAfter(name, prefix)
    return rest === undefined ? [] : [[prefix, rule, rest]]
  })
  return fits.sort(([a], [b]) => b.length - a.length)[0]
}

/**
 * `host[:port][/path]` as a prefix on component borders, or `*.domain[/path]` for its hosts (containers-registries.conf(5)). Gives
 * `/rest`, or nothing of it for the whole name.
 */
function restAfter(name: string, prefix: string): string | undefined {
  const wanted = prefix.replace(/\/$/, '')
  const [domain = ''] = wanted.split('/', 1)
  const host = name.slice(0, name.indexOf('/'))
  if (domain.startsWith('*.') && !host.endsWith(domain.slice(1))) return undefined
  const subject = domain.startsWith('*.') ? `${domain}${name.slice(host.length)}` : name
  return subject === wanted || subject.startsWith(`${wanted}/`) ? subject.slice(wanted.length) : undefined
}

function isInsecure(host: string, name: string, insecure: readonly string[]): boolean {
  const address = host.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')
  return (
    isLoopback(host) ||
    insecure.some(
      (entry) => restAfter(name, entry) !== undefined || entry === address || inAddressBlock(address, entry),
    )
  )
}
