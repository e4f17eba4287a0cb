import { parse } from 'smol-toml'
import { messageOf, TsbuildError } from '../base/errors.ts'
import type { ConfigText } from './registries-conf-files.ts'
import type { RegistryFacts } from './registry-settings.ts'
import type { Mirror, RegistryRule } from './settings.ts'

type Table = Readonly<Record<string, unknown>>

/**
 * Reads version 2 of containers-registries.conf(5): `[[registry]]` with prefix, location, insecure, blocked and mirrors, and
 * `[aliases]`. A later file's table for a prefix replaces an earlier one.
 * Throws SETTINGS_INVALID for text that is no TOML and for version 1.
 */
export function parseRegistriesConf(files: readonly ConfigText[]): RegistryFacts {
  const rules: Record<string, RegistryRule> = {}
  const shortNames: Record<string, string> = {}
  for (const file of files) {
    const document = parseToml(file)
    for (const registry of tablesOf(file, document, 'registry')) {
      const location = textOf(file, registry, 'location')
      const prefix = textOf(file, registry, 'prefix') ?? location
      if (prefix === undefined) throw wrong(file, 'a [[registry]] has neither "prefix" nor "location"')
      rules[prefix] = {
        mirrors: mirrorsOf(file, registry, prefix),
        insecure: registry['insecure'] === true,
        blocked: registry['blocked'] === true,
        ...(location === undefined || location === prefix ? {} : { location }),
      }
    }
    for (const [name, target] of Object.entries(tableOf(file, document, 'aliases'))) {
      if (typeof target !== 'string') throw wrong(file, `alias "${name}" must be a text`)
      if (target === '') delete shortNames[name]
      else shortNames[name] = target
    }
  }
  return { rules, shortNames }
}

function parseToml(file: ConfigText): Table {
  try {
    const document = parse(file.text)
    if ('registries' in document) throw new Error('[registries] is the form of version 1; write [[registry]] tables')
    return document
  } catch (error) {
    throw wrong(file, messageOf(error).split('\n')[0]!, error)
  }
}

function mirrorsOf(file: ConfigText, registry: Table, prefix: string): readonly Mirror[] {
  const onlyDigests = registry['mirror-by-digest-only'] === true
  return tablesOf(file, registry, 'mirror').map((mirror): Mirror => {
    const at = textOf(file, mirror, 'location')
    if (at === undefined) throw wrong(file, `a mirror of "${prefix}" has no "location"`)
    const pull = textOf(file, mirror, 'pull-from-mirror') ?? (onlyDigests ? 'digest-only' : 'all')
    if (pull !== 'all' && pull !== 'digest-only' && pull !== 'tag-only') {
      throw wrong(file, `"pull-from-mirror" of "${at}" is "${pull}": want all, digest-only or tag-only`)
    }
    return { location: at, insecure: mirror['insecure'] === true, pull }
  })
}

function tablesOf(file: ConfigText, parent: Table, key: string): readonly Table[] {
  const value = parent[key] ?? []
  if (Array.isArray(value) && value.every((item) => typeof item === 'object' && item !== null))
    return value as readonly Table[]
  throw wrong(file, `"${key}" must be a list of tables: [[${key}]]`)
}

function tableOf(file: ConfigText, parent: Table, key: string): Table {
  const value = parent[key] ?? {}
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Table
  throw wrong(file, `"${key}" must be a table`)
}

function textOf(file: ConfigText, table: Table, key: string): string | undefined {
  const value = table[key]
  if (value === undefined || value === '') return undefined
  if (typeof value === 'string') return value
  throw wrong(file, `"${key}" must be a text`)
}

function wrong(file: ConfigText, what: string, cause?: unknown): TsbuildError {
  return new TsbuildError(
    'SETTINGS_INVALID',
    `Cannot use "${file.path}": ${what}`,
    cause === undefined ? {} : { cause },
  )
}
