import { resolve } from 'node:path'
import { nearest } from '@dockerfile/parser'
import type { LayerCompression } from '../../image/packed-layers.ts'
import { readCompression } from './compression-keys.ts'
import { booleanOption, keyValues } from './key-values.ts'
import { invalidFlag } from '../../base/flag-error.ts'

/** `--cache-from`. */
export type CacheSource =
  | { readonly kind: 'registry'; readonly ref: string }
  | {
      readonly kind: 'local'
      readonly path: string
      /** Which of the folder's caches; default that of tag `latest`. */
      readonly tag?: string
      readonly digest?: string
    }
  /** A service of a kind that tsbuild cannot speak to. */
  | { readonly kind: 'foreign'; readonly type: string }

/** `--cache-to`. */
export type CacheTarget = CacheTargetPlace & {
  readonly mode: 'min' | 'max'
  /** The cache mounts of the build's steps go along. */
  readonly mounts: boolean
  readonly compression: LayerCompression
  /** A failed export is a warning. */
  readonly ignoreError: boolean
}

type CacheTargetPlace =
  | { readonly kind: 'registry'; readonly ref: string }
  | {
      readonly kind: 'local'
      readonly path: string
      readonly tag: string
      /** What else the folder has goes away. */
      readonly reset: boolean
    }
  /** Inside the image itself. */
  | { readonly kind: 'inline' }

/** BuildKit's caches in services of others. */
const foreignTypes = ['gha', 's3', 'azblob'] as const
const types = ['registry', 'local', 'inline'] as const
const formKeys =
  'type mode mounts compression compression-level force-compression oci-mediatypes image-manifest ignore-error'.split(
    ' ',
  )
const sourceKeys = { registry: ['type', 'ref'], inline: ['type', 'ref'], local: ['type', 'src', 'tag', 'digest'] }
const targetKeys = {
  registry: [...formKeys, 'ref'],
  inline: formKeys,
  local: [...formKeys, 'dest', 'tag', 'reset'],
}

/** `type=registry,ref=NAME`, `type=local,src=FOLDER`, or a name alone. USAGE. */
export function parseCacheFrom(text: string, cwd: string): CacheSource {
  const flag = '--cache-from'
  if (!text.includes('=')) return { kind: 'registry', ref: text }
  const values = keyValues(flag, text)
  const foreign = foreignTypes.find((type) => type === values.get('type'))
  if (foreign !== undefined) return { kind: 'foreign', type: foreign }
  const type = typeOf(flag, text, values)
  refuseUnknown(flag, text, values, sourceKeys[type])
  if (type !== 'local') return { kind: 'registry', ref: needed(flag, text, values, 'ref') }
  const [tag, digest] = [values.get('tag'), values.get('digest')]
  return {
    kind: 'local',
    path: resolve(cwd, needed(flag, text, values, 'src')),
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  }
}

/** `type=registry,ref=NAME`, `type=local,dest=FOLDER`, `type=inline`, or a name alone. USAGE. */
export function parseCacheTo(text: string, cwd: string): CacheTarget {
  const flag = '--cache-to'
  const bare = text.includes('=') ? undefined : text === 'inline' ? 'type=inline' : `type=registry,ref=${text}`
  const values = keyValues(flag, bare ?? text)
  const foreign = foreignTypes.find((type) => type === values.get('type'))
  if (foreign !== undefined) {
    throw invalidFlag(
      flag,
      text,
      `tsbuild cannot write to a cache of type "${foreign}"`,
      'Use type=registry or type=local',
    )
  }
  const type = typeOf(flag, text, values)
  refuseUnknown(flag, text, values, targetKeys[type])
  const mode = values.get('mode') ?? 'min'
  if (mode !== 'min' && mode !== 'max') throw invalidFlag(flag, text, `unknown mode "${mode}"`, 'It is "min" or "max"')
  if (type === 'inline' && mode === 'max')
    throw invalidFlag(flag, text, 'an image carries only its own layers', 'Use mode=min, or type=registry')
  const on = (key: string): boolean => booleanOption(flag, key, values.get(key) ?? 'false')
  const shared = {
    mode,
    mounts: on('mounts'),
    compression: readCompression(flag, values, on('force-compression')),
    ignoreError: on('ignore-error'),
  } as const
  switch (type) {
    case 'registry':
      return { kind: 'registry', ref: needed(flag, text, values, 'ref'), ...shared }
    case 'local': {
      const path = resolve(cwd, needed(flag, text, values, 'dest'))
      return { kind: 'local', path, tag: values.get('tag') ?? defaultCacheTag, reset: on('reset'), ...shared }
    }
    case 'inline':
      return { kind: 'inline', ...shared }
  }
}

/** Name of the cache in a folder where none is said. */
export const defaultCacheTag = 'latest'

function typeOf(flag: string, text: string, values: ReadonlyMap<string, string>): (typeof types)[number] {
  const given = values.get('type')
  const type = types.find((known) => known === given)
  if (type !== undefined) return type
  const near = given === undefined ? undefined : nearest(given, types)
  const hint = near === undefined ? `Types are ${types.join(', ')}` : `Did you mean "type=${near}"?`
  throw invalidFlag(flag, text, given === undefined ? 'it has no type' : `unknown type "${given}"`, hint)
}

function refuseUnknown(
  flag: string,
  text: string,
  values: ReadonlyMap<string, string>,
  known: readonly string[],
): void {
  for (const key of values.keys()) {
    if (known.includes(key)) continue
    const near = nearest(key, known)
    const hint = near === undefined ? `Keys are ${known.join(', ')}` : `Did you mean "${near}"?`
    throw invalidFlag(flag, text, `unknown key "${key}"`, hint)
  }
}

function needed(flag: string, text: string, values: ReadonlyMap<string, string>, key: string): string {
  const value = values.get(key)
  if (value !== undefined && value !== '') return value
  throw invalidFlag(flag, text, `it has no ${key}`, `Add ${key}=…`)
}
