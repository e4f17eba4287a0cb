import type { MountField, MountFlag } from '../ast.ts'
import type { Problem } from '../diagnostics.ts'
import { quoted } from '../diagnostics.ts'
import type { Environment, ExpandOptions } from '../expand/expand.ts'
import { expandWord } from '../expand/expand.ts'
import { parseBool } from '../go-text.ts'
import { didYouMean } from '../nearest.ts'
import type { Range } from '../source.ts'
import { parseByteSize, parseUint32 } from './number.ts'

/**
 * An evaluated `--mount`. A `target` that is missing or relative is below the working directory. `from` is a stage, a named context
 * or an image; without it a bind comes from the build context and a cache starts empty.
 */
export interface Mount {
  readonly type: 'bind' | 'cache' | 'tmpfs' | 'secret' | 'ssh'
  readonly from?: string
  readonly source?: string
  readonly target?: string
  readonly readonly: boolean
  /** For a cache the cleaned target when not given; for a secret `source` or the target's last part; for ssh `default`. */
  readonly id?: string
  /** Caches only. */
  readonly sharing?: 'shared' | 'private' | 'locked'
  /** Secrets and ssh: the build fails without it. */
  readonly required: boolean
  /** Bytes, tmpfs only. */
  readonly size?: number
  /** Secrets only: the name of the variable; `target` is then a file only when given. */
  readonly env?: string
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
}

/** `range` is the place of the key that is wrong, or of the whole mount when keys do not go together. */
export type EvaluatedMount =
  | { readonly ok: true; readonly value: Mount }
  | { readonly ok: false; readonly problem: Problem; readonly range: Range }

const kinds = ['bind', 'cache', 'tmpfs', 'secret', 'ssh'] as const
const sharings = ['shared', 'private', 'locked'] as const
const keys =
  'type from source src target dst destination readonly ro readwrite rw id sharing required size mode uid gid env'.split(
    ' ',
  )

/** What the keys have said so far. `required` and `size` look at the type that stands in front of them, as in BuildKit. */
type Draft = { -readonly [Key in keyof Mount]: Mount[Key] } & { readwriteSaid: boolean }

class MountError extends Error {
  readonly hint: string | undefined
  constructor(message: string, hint?: string) {
    super(message)
    this.hint = hint
  }
}

/** Evaluates a `--mount`: each value is expanded, then checked, then whether they go together. */
export function evaluateMount(mount: MountFlag, environment: Environment, options: ExpandOptions = {}): EvaluatedMount {
  const draft: Draft = { type: 'bind', readonly: false, required: false, readwriteSaid: false }
  let range = mount.range
  try {
    for (const field of mount.fields) {
      range = field.range
      const { value, error } = expandWord(field.value?.text ?? '', environment, options)
      if (error !== undefined)
        return { ok: false, problem: { ...error, message: `mount key "${field.key}": ${error.message}` }, range }
      applyField(draft, field, field.value === undefined ? undefined : value)
    }
    range = mount.range
    return { ok: true, value: finish(draft) }
  } catch (error) {
    if (!(error instanceof MountError)) throw error
    const { message, hint } = error
    return { ok: false, problem: { code: 'MOUNT_INVALID', message, ...(hint !== undefined && { hint }) }, range }
  }
}

function applyField(draft: Draft, { key }: MountField, value: string | undefined): void {
  if (!keys.includes(key)) {
    throw new MountError(
      `unknown mount key ${quoted(key)}`,
      didYouMean(key, keys) ?? `Keys are ${keys.map((name) => `"${name}"`).join(', ')}`,
    )
  }
  const flag = (): boolean => {
    const parsed = value === undefined ? true : parseBool(value)
    if (parsed === undefined)
      throw new MountError(`mount key "${key}" must be "true" or "false", not ${quoted(value ?? '')}`)
    return parsed
  }
  const text = (): string => {
    if (value === undefined) throw new MountError(`mount key "${key}" needs a value`, `Write "${key}=…"`)
    return value
  }
  const number = (base: 8 | 10): number => {
    const parsed = parseUint32(text(), base)
    if (parsed === undefined)
      throw new MountError(
        `mount key "${key}" must be ${base === 8 ? 'an octal' : 'a decimal'} number, not ${quoted(text())}`,
      )
    return parsed
  }
  const only = (...allowed: readonly Mount['type'][]): void => {
    if (allowed.includes(draft.type)) return
    throw new MountError(
      `mount key "${key}" does not go with type "${draft.type}"`,
      `Put "type=${allowed.join('" or "type=')}" in front of it`,
    )
  }
  switch (key) {
    case 'type':
      draft.type = oneOf(text(), 'type', kinds)
      break
    case 'sharing':
      draft.sharing = oneOf(text(), 'sharing', sharings)
      break
    case 'from':
    case 'id':
      setText(draft, key, text())
      break
    case 'env':
      draft.env = text()
      break
    case 'source':
    case 'src':
      setText(draft, 'source', text())
      break
    case 'target':
    case 'dst':
    case 'destination':
      setText(draft, 'target', text())
      break
    case 'readonly':
    case 'ro':
      draft.readonly = flag()
      draft.readwriteSaid = true
      break
    case 'readwrite':
    case 'rw':
      draft.readonly = !flag()
      draft.readwriteSaid = true
      break
    case 'required':
      only('secret', 'ssh')
      draft.required = flag()
      break
    case 'size': {
      only('tmpfs')
      const size = parseByteSize(text())
      if (size === undefined)
        throw new MountError(`mount key "size" is not a size: ${quoted(text())}`, 'Write "64m" or "1g"')
      draft.size = size
      break
    }
    case 'mode':
      draft.mode = number(8)
      break
    case 'uid':
    case 'gid':
      draft[key] = number(10)
      break
  }
}

/** An empty text is the same as a key that is not there. */
function setText(draft: Draft, key: 'from' | 'id' | 'source' | 'target', text: string): void {
  if (text === '') delete draft[key]
  else draft[key] = text
}

function oneOf<T extends string>(text: string, key: string, allowed: readonly T[]): T {
  const found = allowed.find((name) => name === text.toLowerCase())
  if (found !== undefined) return found
  throw new MountError(
    `mount key "${key}" has the unknown value ${quoted(text)}`,
    didYouMean(text.toLowerCase(), allowed) ?? `It is one of ${allowed.map((name) => `"${name}"`).join(', ')}`,
  )
}

function finish({ readwriteSaid, ...mount }: Draft): Mount {
  const { type } = mount
  const [unfit] =
    type === 'bind' || type === 'tmpfs'
      ? (['mode', 'uid', 'gid'] as const).filter((key) => mount[key] !== undefined)
      : []
  if (unfit !== undefined) throw new MountError(`mount key "${unfit}" does not go with type "${type}"`)
  if (type === 'secret') checkSecret(mount)
  if (mount.sharing !== undefined && type !== 'cache')
    throw new MountError(`mount key "sharing" does not go with type "${type}"`)
  if (type === 'ssh' && mount.source !== undefined)
    throw new MountError('mount key "source" does not go with type "ssh"', 'Write "id=…"')
  const env = mount.env === '' ? (mount.source ?? mount.id ?? '') : mount.env
  const readonly = readwriteSaid ? mount.readonly : type !== 'cache' && type !== 'tmpfs'
  return { ...mount, readonly, ...(env !== undefined && { env }) }
}

function checkSecret({ from, source, target, id }: Mount): void {
  if (from !== undefined) throw new MountError('mount key "from" does not go with type "secret"')
  if (source === undefined && target === undefined && id === undefined)
    throw new MountError('secret mount names no secret', 'Write "id=…"')
  if (source !== undefined && id !== undefined)
    throw new MountError('secret mount has both "source" and "id"', 'They mean the same: keep "id"')
}
