import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { TsbuildError } from '../base/errors.ts'
import { readJsonFile } from './config-file.ts'
import type { OwnConfig } from './own-config.ts'
import type { Place } from './read-settings.ts'
import type { Mirror, RegistryRule, RegistrySettings } from './settings.ts'
import { findRegistriesConf } from './registries-conf-files.ts'

/** What one source says of registries; sources are joined in order, the first that says something of a prefix decides it. */
export interface RegistryFacts {
  readonly rules?: Readonly<Record<string, RegistryRule>>
  readonly insecure?: readonly string[]
  readonly shortNames?: Readonly<Record<string, string>>
}

/** Spoken to without TLS unless told otherwise, as docker does. */
const loopback = ['127.0.0.0/8', '::1/128', 'localhost']

/**
 * Joins TSBUILD_REGISTRY_MIRRORS and TSBUILD_INSECURE_REGISTRIES, tsbuild's own file, registries.conf (containers-registries.conf(5)) and
 * docker's daemon.json, in this order. Throws SETTINGS_INVALID.
 */
export async function readRegistrySettings(
  place: Place,
  own: OwnConfig,
  dockerConfig: string | undefined,
): Promise<RegistrySettings> {
  const sources = [environmentFacts(place), ownFacts(own), await registriesConfFacts(place), daemonFacts(place)]
  const directory = dockerConfig ?? place.env('DOCKER_CONFIG') ?? join(place.home, '.docker')
  return Object.freeze<RegistrySettings>({
    dockerConfigPath: join(resolve(place.cwd, directory), 'config.json'),
    authFile: findAuthFile(place),
    rules: joinRules(sources.map(({ rules }) => rules ?? {})),
    insecure: [...new Set([...loopback, ...sources.flatMap((source) => source.insecure ?? [])])],
    certDirs: certDirectories(place),
    shortNames: Object.assign({}, ...sources.toReversed().map((source) => source.shortNames ?? {})),
  })
}

/** Member by member: one source may name the mirrors of a registry that another blocks. */
function joinRules(sources: readonly Readonly<Record<string, RegistryRule>>[]): Readonly<Record<string, RegistryRule>> {
  const joined: Record<string, RegistryRule> = {}
  for (const [prefix, rule] of sources.toReversed().flatMap(Object.entries<RegistryRule>)) {
    joined[prefix] = { ...joined[prefix], ...rule }
  }
  return joined
}

/** `docker.io=http://127.0.0.1:5000,mirror.example.com`: a mirror without a host before `=` is one of Docker Hub. */
function environmentFacts({ env }: Place): RegistryFacts {
  const mirrors: Record<string, Mirror[]> = {}
  for (const item of words(env('TSBUILD_REGISTRY_MIRRORS'))) {
    const [, host = 'docker.io', location = ''] = /^(?:([^=/]+)=)?(.*)$/.exec(item)!
    ;(mirrors[host] ??= []).push(parseMirror('Variable TSBUILD_REGISTRY_MIRRORS', location))
  }
  const rules = Object.entries(mirrors).map(([host, list]) => [host, { mirrors: list }] as const)
  return { rules: Object.fromEntries(rules), insecure: words(env('TSBUILD_INSECURE_REGISTRIES')) }
}

function ownFacts(own: OwnConfig): RegistryFacts {
  const place = 'Key "registry-mirrors" of tsbuild\'s config.json'
  const hub =
    own['registry-mirrors'] === undefined ? [] : [['docker.io', { mirrors: own['registry-mirrors'] }] as const]
  const rules = [...hub, ...Object.entries(own.registries ?? {})].map(([host, { mirrors, ...rule }]) => {
    const parsed = mirrors === undefined ? {} : { mirrors: mirrors.map((item) => parseMirror(place, item)) }
    return { [host]: { ...rule, ...parsed } }
  })
  return { rules: joinRules(rules.toReversed()), insecure: own['insecure-registries'] ?? [] }
}

async function registriesConfFacts(place: Place): Promise<RegistryFacts> {
  const files = findRegistriesConf(place)
  if (files.length === 0) return {}
  const { parseRegistriesConf } = await import('./registries-conf.ts')
  return parseRegistriesConf(files)
}

/** The two keys of docker's daemon.json that a client without a daemon can honour. */
function daemonFacts(place: Place): RegistryFacts {
  const path = join(place.uid === 0 ? join(place.etc, 'docker') : join(place.home, '.config/docker'), 'daemon.json')
  const content = readJsonFile(path)
  if (typeof content !== 'object' || content === null) return {}
  const list = (key: string): readonly string[] => {
    const value = (content as Readonly<Record<string, unknown>>)[key] ?? []
    if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value
    throw new TsbuildError('SETTINGS_INVALID', `Cannot use "${path}": "${key}" must be a list of texts`)
  }
  const mirrors = list('registry-mirrors').map((item) => parseMirror(`Key "registry-mirrors" of "${path}"`, item))
  return { rules: mirrors.length > 0 ? { 'docker.io': { mirrors } } : {}, insecure: list('insecure-registries') }
}

/** `[http[s]://]host[:port][/prefix]`. `place` starts the message of SETTINGS_INVALID. */
export function parseMirror(place: string, text: string): Mirror {
  const match = /^(?:(https?):\/\/)?((?:\[[0-9a-fA-F:]+\]|[^\s/@?#:]+)(?::\d+)?(?:\/[^\s?#@]*)?)$/.exec(text)
  if (match === null) {
    throw new TsbuildError(
      'SETTINGS_INVALID',
      `${place} has the mirror "${text}": want [http[s]://]host[:port][/prefix]`,
    )
  }
  return { location: match[2]!.replace(/\/+$/, ''), insecure: match[1] === 'http', pull: 'all' }
}

/** Where podman, buildah and skopeo keep logins; undefined when there is no such file. */
function findAuthFile({ env, home }: Place): string | undefined {
  const given = env('REGISTRY_AUTH_FILE')
  if (given !== undefined) return given
  const runtime = env('XDG_RUNTIME_DIR')
  const config = env('XDG_CONFIG_HOME') ?? join(home, '.config')
  const paths = [
    ...(runtime === undefined ? [] : [join(runtime, 'containers/auth.json')]),
    join(config, 'containers/auth.json'),
  ]
  return paths.find((path) => existsSync(path))
}

/** Directories with one folder per registry host, the user's before the machine's. */
function certDirectories({ home, etc, uid }: Place): readonly string[] {
  const user = [join(home, '.config/containers/certs.d'), join(home, '.config/docker/certs.d')]
  const machine = [join(etc, 'containers/certs.d'), join(etc, 'docker/certs.d')]
  return uid === 0 ? [...machine, ...user] : [...user, ...machine]
}

function words(text: string | undefined): readonly string[] {
  return (text ?? '').split(/[\s,]+/).filter((word) => word !== '')
}
