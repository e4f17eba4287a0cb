import { resolve } from 'node:path'
import { nearest } from '@dockerfile/parser'
import { booleanOption, keyValues } from './key-values.ts'
import { invalidOption } from './option-error.ts'

/** `--cache-from`. */
export type CacheSource =
  | { readonly kind: 'registry'; readonly ref: string }
  | { readonly kind: 'local'; readonly path: string }

/** `--cache-to`. */
export type CacheTarget = CacheTargetPlace & {
  readonly mode: 'min' | 'max'
  /** Cache mounts go along. */
  readonly mounts: boolean
  readonly compression: 'none' | 'gzip' | 'zstd'
  /** A failed export is a warning. */
  readonly ignoreError: boolean
}

type CacheTargetPlace =
  | { readonly kind: 'registry'; readonly ref: string }
  | { readonly kind: 'local'; readonly path: string }
  /** Inside the image itself. */
  | { readonly kind: 'inline' }

const sourceKeys = ['type', 'ref', 'src'] as const
const targetKeys =
  'type ref dest mode mounts compression compression-level force-compression oci-mediatypes image-manifest ignore-error'.split(
    ' ',
  )

/** `type=registry,ref=NAME`, `type=local,src=FOLDER`, or a name alone. USAGE. */
export function parseCacheFrom(text: string, cwd: string): CacheSource {
  if (!text.includes('=')) return { kind: 'registry', ref: text }
  const values = checked('--cache-from', text, sourceKeys)
  switch (values.get('type')) {
    case 'registry':
    case 'inline':
      return { kind: 'registry', ref: needed('--cache-from', text, values, 'ref') }
    case 'local':
      return { kind: 'local', path: resolve(cwd, needed('--cache-from', text, values, 'src')) }
    default:
      throw unknownType('--cache-from', text, values.get('type'), ['registry', 'local'])
  }
}

/** `type=registry,ref=NAME`, `type=local,dest=FOLDER`, `type=inline`, or a name alone. USAGE. */
export function parseCacheTo(text: string, cwd: string): CacheTarget {
  const values =
    text.includes('=') || text === 'inline'
      ? checked('--cache-to', text.replace(/^inline$/, 'type=inline'), targetKeys)
      : new Map([
          ['ref', text],
          ['type', 'registry'],
        ])
  const mode = values.get('mode') ?? 'min'
  if (mode !== 'min' && mode !== 'max')
    throw invalidOption('--cache-to', text, `unknown mode "${mode}"`, 'It is "min" or "max"')
  const flag = (key: string): boolean => booleanOption('--cache-to', key, values.get(key) ?? 'false')
  const shared = {
    mode,
    mounts: flag('mounts'),
    compression: compressionOf(text, values.get('compression')),
    ignoreError: flag('ignore-error'),
  } as const
  switch (values.get('type')) {
    case 'registry':
      return { kind: 'registry', ref: needed('--cache-to', text, values, 'ref'), ...shared }
    case 'local':
      return { kind: 'local', path: resolve(cwd, needed('--cache-to', text, values, 'dest')), ...shared }
    case 'inline':
      if (mode === 'max')
        throw invalidOption(
          '--cache-to',
          text,
          'an image carries only its own layers',
          'Use mode=min, or type=registry',
        )
      return { kind: 'inline', ...shared }
    default:
      throw unknownType('--cache-to', text, values.get('type'), ['registry', 'local', 'inline'])
  }
}

function compressionOf(text: string, value = 'gzip'): CacheTarget['compression'] {
  if (value === 'uncompressed') return 'none'
  if (value === 'gzip' || value === 'zstd') return value
  throw invalidOption('--cache-to', text, `there is no compression "${value}"`, 'It is gzip, zstd or uncompressed')
}

function checked(flag: string, text: string, known: readonly string[]): ReadonlyMap<string, string> {
  const values = keyValues(flag, text)
  for (const key of values.keys()) {
    if (known.includes(key)) continue
    const near = nearest(key, known)
    throw invalidOption(flag, text, `unknown key "${key}"`, near === undefined ? undefined : `Did you mean "${near}"?`)
  }
  return values
}

function needed(flag: string, text: string, values: ReadonlyMap<string, string>, key: string): string {
  const value = values.get(key)
  if (value !== undefined && value !== '') return value
  throw invalidOption(flag, text, `it has no ${key}`, `Add ${key}=…`)
}

function unknownType(flag: string, text: string, type: string | undefined, types: readonly string[]): Error {
  const near = type === undefined ? undefined : nearest(type, types)
  const hint = near === undefined ? `Types are ${types.join(', ')}` : `Did you mean "type=${near}"?`
  return invalidOption(flag, text, type === undefined ? 'it has no type' : `unknown type "${type}"`, hint)
}
