import { join, resolve } from 'node:path'
import { TsbuildError } from '../base/errors.ts'
import { nearest } from '../base/nearest.ts'
import { readJsonFile } from './config-file.ts'
import type { Place } from './read-settings.ts'

/**
 * tsbuild's own configuration: JSON, keys as in docker's daemon.json where docker has them. Read from `/etc/tsbuild/config.json`,
 * then `~/.config/tsbuild/config.json`, whose keys win; TSBUILD_CONFIG names one file instead of both.
 */
export interface OwnConfig {
  /** `chroot`: RUN steps without namespaces, where none can be had. */
  readonly isolation?: string
  readonly root?: string
  /** `overlay` or `copy`; docker's and podman's `overlay2` and `vfs` are the same. */
  readonly 'storage-driver'?: string
  /** Mirrors of Docker Hub, tried in order before it. */
  readonly 'registry-mirrors'?: readonly string[]
  /** host[:port] or an address range that is spoken to without TLS, or with a certificate that is not verified. */
  readonly 'insecure-registries'?: readonly string[]
  /** Settings of one registry by host. */
  readonly registries?: Readonly<Record<string, OwnRegistry>>
  /** Build steps at once. */
  readonly jobs?: number
  /** Transfers at once, over all hosts and with one. */
  readonly transfers?: number
  readonly 'transfers-per-host'?: number
  /** Bytes of build cache to keep. */
  readonly 'keep-storage'?: number
}

export interface OwnRegistry {
  readonly mirrors?: readonly string[]
  readonly insecure?: boolean
  readonly blocked?: boolean
}

type Check = 'text' | 'texts' | 'count' | 'switch' | 'registries'

const members: Readonly<Record<keyof OwnConfig, Check>> = {
  root: 'text',
  'storage-driver': 'text',
  isolation: 'text',
  'registry-mirrors': 'texts',
  'insecure-registries': 'texts',
  registries: 'registries',
  jobs: 'count',
  transfers: 'count',
  'transfers-per-host': 'count',
  'keep-storage': 'count',
}

const registryMembers: Readonly<Record<keyof OwnRegistry, Check>> = {
  mirrors: 'texts',
  insecure: 'switch',
  blocked: 'switch',
}

/** Throws SETTINGS_INVALID for a key that does not exist (naming the nearest) or a value of the wrong kind. */
export function readOwnConfig(place: Place): OwnConfig {
  const given = place.env('TSBUILD_CONFIG')
  const userConfig = place.env('XDG_CONFIG_HOME') ?? join(place.home, '.config')
  const paths =
    given === undefined
      ? [join(place.etc, 'tsbuild/config.json'), join(userConfig, 'tsbuild/config.json')]
      : [resolve(place.cwd, given)]
  const files = paths.flatMap((path) => {
    const content = readJsonFile(path)
    if (content !== undefined) return [checkMembers(path, '', content, members)]
    if (given === undefined) return []
    throw new TsbuildError(
      'SETTINGS_INVALID',
      `Cannot read "${path}", which TSBUILD_CONFIG names: there is no such file`,
    )
  })
  return Object.assign({}, ...files) as OwnConfig
}

function checkMembers(path: string, at: string, content: unknown, known: Readonly<Record<string, Check>>): object {
  if (typeof content !== 'object' || content === null || Array.isArray(content)) throw wrong(path, at, 'an object')
  for (const [key, value] of Object.entries(content)) {
    const check = Object.hasOwn(known, key) ? known[key]! : undefined
    if (check === undefined) {
      const near = nearest(key, Object.keys(known))
      throw new TsbuildError('SETTINGS_INVALID', `Cannot use "${path}": unknown key "${at}${key}"`, {
        hint: `${near.length > 0 ? `Did you mean "${near[0]}"? ` : ''}Known keys: ${Object.keys(known).join(', ')}`,
      })
    }
    checkValue(path, `${at}${key}`, value, check)
  }
  return content
}

function checkValue(path: string, at: string, value: unknown, check: Check): void {
  switch (check) {
    case 'text':
      if (typeof value !== 'string' || value === '') throw wrong(path, at, 'a text')
      return
    case 'texts':
      if (!Array.isArray(value) || value.some((item) => typeof item !== 'string'))
        throw wrong(path, at, 'a list of texts')
      return
    case 'count':
      if (!Number.isSafeInteger(value) || (value as number) < 1) throw wrong(path, at, 'a whole number from 1')
      return
    case 'switch':
      if (typeof value !== 'boolean') throw wrong(path, at, 'true or false')
      return
    case 'registries':
      if (typeof value !== 'object' || value === null || Array.isArray(value))
        throw wrong(path, at, 'an object by host')
      for (const [host, registry] of Object.entries(value))
        checkMembers(path, `${at}."${host}".`, registry, registryMembers)
  }
}

function wrong(path: string, at: string, want: string): TsbuildError {
  return new TsbuildError(
    'SETTINGS_INVALID',
    `Cannot use "${path}": ${at === '' ? 'the file' : `"${at}"`} must be ${want}`,
  )
}
