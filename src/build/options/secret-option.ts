import { resolve } from 'node:path'
import { nearest } from '@dockerfile/parser'
import type { SecretSource } from '../ops/secrets.ts'
import { keyValues } from './key-values.ts'
import { invalidFlag } from '../../base/flag-error.ts'

const keys = ['type', 'id', 'source', 'src', 'env'] as const

export interface OptionPlace {
  readonly cwd: string
  readonly env: (name: string) => string | undefined
}

/** `--secret id=ID[,src=FILE|,env=NAME]`; without both the variable of that name, else the file. USAGE. */
export function parseSecret(text: string, { cwd, env }: OptionPlace): readonly [string, SecretSource] {
  const values = keyValues('--secret', text)
  for (const key of values.keys()) {
    if (keys.some((known) => known === key)) continue
    const near = nearest(key, keys)
    throw invalidFlag(
      '--secret',
      text,
      `unknown key "${key}"`,
      near === undefined ? undefined : `Did you mean "${near}"?`,
    )
  }
  const type = values.get('type')
  if (type !== undefined && type !== 'file' && type !== 'env') {
    throw invalidFlag('--secret', text, `unknown type "${type}"`, 'It is "file" or "env"')
  }
  const id = values.get('id')
  if (id === undefined || id === '')
    throw invalidFlag('--secret', text, 'it has no id', 'Write --secret id=NAME,src=FILE')
  const given = values.get('src') ?? values.get('source')
  // With type=env the source names a variable.
  const variable = values.get('env') ?? (type === 'env' ? (given ?? id) : undefined)
  if (variable !== undefined) return [id, { kind: 'env', name: variable }]
  if (given === undefined && type === undefined && env(id) !== undefined) return [id, { kind: 'env', name: id }]
  return [id, { kind: 'file', path: resolve(cwd, given ?? id) }]
}
