import { TsbuildError } from '../base/errors.ts'
import { optional, readJson } from '../oci/json.ts'
import type { JsonReader } from '../oci/json.ts'
import { formatReference, parseReference, parseRepository } from '../oci/reference.ts'

/** Which tags of a repository are copied. */
export type TagChoice =
  | { readonly kind: 'named' }
  | { readonly kind: 'all' }
  /** Tags and digests as they are, and patterns for those that the registry has. */
  | { readonly kind: 'some'; readonly names: readonly string[]; readonly patterns: readonly RegExp[] }
  | { readonly kind: 'versions'; readonly range: string }

/** One line of work of a sync file. */
export interface SyncEntry {
  readonly source: string
  readonly target: string
  readonly tags: TagChoice
  readonly platforms: readonly string[]
  readonly referrers: boolean
}

export interface SyncFile {
  readonly text: string
  readonly format: 'json' | 'toml' | 'yaml'
  /** Where the images of skopeo's form go: a registry, perhaps with the beginning of a path. */
  readonly to: string | undefined
  /** Below `to` under the whole name of the source, registry included, instead of its last part. */
  readonly scoped: boolean
}

export interface SyncWork {
  readonly entries: readonly SyncEntry[]
  /** What the file says and we do not follow. */
  readonly notes: readonly string[]
}

const code = 'SETTINGS_INVALID'

/**
 * Reads a sync file: a list `sync` of tables with source, target, tags, platforms and referrers, or skopeo's form, a map of registries with
 * `images`, `images-by-tag-regex` and `images-by-semver`. Errors: SETTINGS_INVALID, USAGE, REFERENCE_INVALID.
 */
export async function readSyncFile(file: SyncFile): Promise<SyncWork> {
  const root = readJson(Buffer.from(await asJson(file)), { code, what: 'the sync file' })
  return root.get('sync').absent ? readSkopeo(root, file) : { entries: root.get('sync').list(readEntry), notes: [] }
}

async function asJson({ text, format }: SyncFile): Promise<string> {
  try {
    switch (format) {
      case 'json':
        return text
      case 'toml':
        return JSON.stringify((await import('smol-toml')).parse(text))
      case 'yaml':
        return JSON.stringify((await import('yaml')).parse(text)) ?? 'null'
    }
  } catch (error) {
    throw new TsbuildError(code, `Cannot read the sync file: it is not ${format.toUpperCase()}`, { cause: error })
  }
}

function readEntry(entry: JsonReader): SyncEntry {
  const tags = texts(entry.get('tags'))
  const isPattern = (tag: string): boolean => tag.length > 2 && tag.startsWith('/') && tag.endsWith('/')
  return {
    source: entry.get('source').string(),
    target: entry.get('target').string(),
    tags:
      tags.length === 0
        ? { kind: 'named' }
        : {
            kind: 'some',
            names: tags.filter((tag) => !isPattern(tag)),
            patterns: tags.filter(isPattern).map((tag) => pattern(entry.get('tags'), tag.slice(1, -1))),
          },
    platforms: texts(entry.get('platforms')),
    referrers: optional(entry.get('referrers'), (flag) => flag.boolean()) ?? false,
  }
}

function readSkopeo(root: JsonReader, { to, scoped }: SyncFile): SyncWork {
  if (to === undefined)
    throw new TsbuildError('USAGE', 'Cannot sync: the file does not say where its images go', {
      hint: 'Name a registry with --to',
    })
  const notes: string[] = []
  const entries: SyncEntry[] = []
  for (const [host, registry] of members(root)) {
    for (const unused of ['credentials', 'tls-verify', 'cert-dir']) {
      if (!registry.get(unused).absent)
        notes.push(`"${unused}" of ${host} is not used: logins, certificates and insecure registries are configured`)
    }
    const add = (repository: string, tags: TagChoice): void => {
      const source = formatReference(parseReference(`${host}/${repository}`))
      const { registry: place, repository: path } = parseRepository(source)
      // A path has no colon for the port.
      const name = scoped ? `${place.replace(':', '_')}/${path}` : path.slice(path.lastIndexOf('/') + 1)
      entries.push({ source, target: `${to}/${name}`, tags, platforms: [], referrers: false })
    }
    for (const [name, list] of members(registry.get('images'))) {
      const names = texts(list)
      add(name, names.length === 0 ? { kind: 'all' } : { kind: 'some', names, patterns: [] })
    }
    for (const [name, text] of members(registry.get('images-by-tag-regex')))
      add(name, { kind: 'some', names: [], patterns: [pattern(text, text.string())] })
    for (const [name, text] of members(registry.get('images-by-semver')))
      add(name, { kind: 'versions', range: text.string() })
  }
  return { entries, notes }
}

function members(reader: JsonReader): readonly (readonly [string, JsonReader])[] {
  return Object.entries(optional(reader, (item) => item.record((member) => member)) ?? {})
}

/** YAML makes numbers of tags such as 1.10 that are not quoted; what was meant cannot be told. */
function texts(reader: JsonReader): readonly string[] {
  return optional(reader, (list) => list.list((item) => item.string())) ?? []
}

function pattern(reader: JsonReader, text: string): RegExp {
  try {
    return new RegExp(text)
  } catch {
    throw reader.fail(`has "${text}", which is no regular expression`)
  }
}
