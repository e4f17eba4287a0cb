import { resolve } from 'node:path'
import { invalidFlag } from '../base/flag-error.ts'
import { csvFields } from './csv-fields.ts'
import type { BindRequest, MountRequest } from './mount-request.ts'
import { mountTarget } from './mount-target.ts'
import { isVolumeName } from './volume-name.ts'

/** The keys of `--mount` by the name that they are kept under, for every spelling docker and podman know. */
const keys: Readonly<Record<string, string>> = {
  type: 'type',
  source: 'source',
  src: 'source',
  target: 'target',
  destination: 'target',
  dst: 'target',
  readonly: 'readonly',
  ro: 'readonly',
  consistency: 'consistency',
  'bind-propagation': 'propagation',
  'bind-recursive': 'recursive',
  'bind-nonrecursive': 'nonrecursive',
  'bind-create-src': 'create',
  'volume-nocopy': 'nocopy',
  'volume-subpath': 'subpath',
  'volume-label': 'label',
  'volume-driver': 'driver',
  'volume-opt': 'option',
  'tmpfs-size': 'size',
  'tmpfs-mode': 'mode',
  'tmpfs-options': 'tmpfs-options',
  'image-subpath': 'subpath',
}

const keysOfType: Readonly<Record<string, readonly string[]>> = {
  volume: ['source', 'readonly', 'nocopy', 'subpath', 'label', 'driver', 'option'],
  bind: ['source', 'readonly', 'propagation', 'recursive', 'nonrecursive', 'create'],
  tmpfs: ['size', 'mode', 'tmpfs-options', 'readonly'],
  image: ['source', 'subpath', 'readonly'],
}

const propagations = ['rprivate', 'private', 'rshared', 'shared', 'rslave', 'slave'] as const
const recursions = ['enabled', 'disabled', 'writable', 'readonly'] as const

/** Parses `--mount type=…,source=…,target=…,…`. The type is volume when none is named. USAGE when malformed. */
export function parseMountFlag(value: string, cwd: string): MountRequest {
  const fail = (why: string, hint?: string): never => {
    throw invalidFlag('--mount', value, why, hint)
  }
  const fields = csvFields(value) ?? fail('a quote is not closed')
  const given = new Map<string, string[]>()
  for (const field of fields) {
    const [word, text] = splitOnce(field, '=')
    const key =
      keys[word.trim().toLowerCase()] ?? fail(`unexpected key '${word}'`, `Keys: ${Object.keys(keys).join(', ')}`)
    given.set(key, [...(given.get(key) ?? []), text ?? ''])
  }
  const one = (key: string): string | undefined => given.get(key)?.at(-1)
  const type = one('type') ?? 'volume'
  const allowed = keysOfType[type] ?? fail(`mount type "${type}" is unknown`, 'Types: bind, volume, tmpfs, image')
  for (const key of given.keys()) {
    if (!['type', 'target', 'consistency', ...allowed].includes(key)) fail(`'${key}' does not go with type ${type}`)
  }
  const target = mountTarget('--mount', value, one('target') ?? fail('target is required'))
  const readonly = flag(one('readonly'), 'readonly', fail)

  switch (type) {
    case 'bind': {
      const recursive = flag(one('nonrecursive'), 'bind-nonrecursive', fail)
        ? 'disabled'
        : word(recursions, one('recursive'), 'bind-recursive', fail)
      const propagation = word(propagations, one('propagation'), 'bind-propagation', fail)
      if ((recursive === 'readonly' || recursive === 'writable') && !readonly)
        fail(`option 'bind-recursive=${recursive}' requires 'readonly' to be specified in conjunction`)
      const bind: BindRequest = {
        kind: 'bind',
        source: resolve(cwd, one('source') ?? fail('source is required for a bind mount')),
        target,
        readonly,
        create: flag(one('create'), 'bind-create-src', fail),
        ...(propagation === undefined ? {} : { propagation }),
        ...(recursive === undefined ? {} : { recursive }),
      }
      return bind
    }
    case 'tmpfs':
      return { kind: 'tmpfs', target, options: tmpfsOptions(given, readonly, fail) }
    case 'image':
      return {
        kind: 'image',
        source: one('source') ?? fail('source is required for an image mount'),
        target,
        ...optional('subpath', one('subpath')),
      }
    default: {
      const name = one('source') ?? ''
      if (name !== '' && !isVolumeName(name))
        fail(`"${name}" is no volume name`, 'For a directory of the host, say type=bind')
      const driver = one('driver') ?? 'local'
      if (driver !== 'local') fail(`volume driver "${driver}" does not exist`, 'Only the driver "local" exists')
      return {
        kind: 'volume',
        name: name === '' ? null : name,
        target,
        readonly,
        nocopy: flag(one('nocopy'), 'volume-nocopy', fail),
        ...optional('subpath', subpathOf(one('subpath'), fail)),
        ...optional('labels', pairs(given.get('label'))),
        ...optional('options', pairs(given.get('option'))),
      }
    }
  }
}

function subpathOf(text: string | undefined, fail: Fail): string | undefined {
  if (text === undefined || (!text.startsWith('/') && !text.split('/').includes('..'))) return text
  return fail('subpath must be a relative path within the volume')
}

type Fail = (why: string) => never

function flag(text: string | undefined, name: string, fail: Fail): boolean {
  switch (text) {
    case undefined:
    case 'false':
    case '0':
      return false
    case '':
    case 'true':
    case '1':
      return true
    default:
      return fail(`invalid value for ${name}: ${text}`)
  }
}

function word<T extends string>(
  words: readonly T[],
  text: string | undefined,
  name: string,
  fail: Fail,
): T | undefined {
  if (text === undefined) return undefined
  return words.find((candidate) => candidate === text) ?? fail(`invalid value for ${name}: ${text}`)
}

function tmpfsOptions(given: ReadonlyMap<string, readonly string[]>, readonly: boolean, fail: Fail): readonly string[] {
  const size = given.get('size')?.at(-1)
  const mode = given.get('mode')?.at(-1)
  if (size !== undefined && !/^\d+[kmg%]?b?$/i.test(size)) fail(`invalid value for tmpfs-size: ${size}`)
  if (mode !== undefined && !/^[0-7]{1,4}$/.test(mode)) fail(`invalid value for tmpfs-mode: ${mode}`)
  const extra = given.get('tmpfs-options')?.flatMap((text) => text.split(',')) ?? []
  return [
    ...(size === undefined ? [] : [`size=${size.replace(/b$/i, '').toLowerCase()}`]),
    ...(mode === undefined ? [] : [`mode=${mode}`]),
    ...(readonly ? ['ro'] : []),
    ...extra,
  ]
}

function pairs(texts: readonly string[] | undefined): Readonly<Record<string, string>> | undefined {
  return texts === undefined
    ? undefined
    : Object.fromEntries(texts.map((text) => splitOnce(text, '=')).map(([k, v]) => [k, v ?? '']))
}

function splitOnce(text: string, mark: string): readonly [string, string | undefined] {
  const at = text.indexOf(mark)
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)]
}

function optional<K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [P in K]: V })
}
