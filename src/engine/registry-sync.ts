import { TsbuildError } from '../base/errors.ts'
import { readJson, optional } from '../oci/json.ts'
import type { JsonReader } from '../oci/json.ts'
import { parsePlatform } from '../oci/platform.ts'
import { formatReference, parseReference, withTag } from '../oci/reference.ts'
import type { Platform } from '../oci/types.ts'
import { listTags } from '../registry/list.ts'
import type { LocationTools } from './open-location.ts'
import { registryCopy } from './registry-copy.ts'
import type { CopiedImage } from './registry-copy.ts'

/** One line of work of a sync file. */
export interface SyncEntry {
  readonly source: string
  readonly target: string
  /** Tags to copy: names, or regular expressions between slashes; empty: the one of `source`. */
  readonly tags: readonly string[]
  readonly platforms: readonly string[]
  readonly referrers: boolean
}

export interface RegistrySyncRequest {
  /** JSON or TOML text: `[[sync]] source = "…", target = "…", tags = ["1.0", "/^2\\./"]`. */
  readonly text: string
  readonly format: 'json' | 'toml'
  readonly host: Platform
  readonly dryRun: boolean
  /** Goes on with the others when one fails. */
  readonly keepGoing: boolean
}

export interface SyncResult {
  readonly copied: readonly CopiedImage[]
  readonly failed: readonly { readonly source: string; readonly error: TsbuildError }[]
}

/** Copies many images as a file says. Errors: SETTINGS_INVALID for the file, else those of `registryCopy`. */
export async function registrySync(tools: LocationTools, request: RegistrySyncRequest): Promise<SyncResult> {
  const copied: CopiedImage[] = []
  const failed: { source: string; error: TsbuildError }[] = []
  for (const entry of await readEntries(request)) {
    try {
      copied.push(...(await syncEntry(tools, entry, request)))
    } catch (error) {
      if (!request.keepGoing || !(error instanceof TsbuildError) || error.code === 'CANCELLED') throw error
      failed.push({ source: entry.source, error })
    }
  }
  return { copied, failed }
}

async function syncEntry(
  tools: LocationTools,
  entry: SyncEntry,
  request: RegistrySyncRequest,
): Promise<readonly CopiedImage[]> {
  const copied: CopiedImage[] = []
  for (const [source, target] of await namesOf(tools, entry)) {
    copied.push(
      ...(await registryCopy(tools, {
        source,
        target,
        platforms: entry.platforms.map((text) => parsePlatform(text, request.host)),
        allTags: false,
        referrers: entry.referrers,
        foreignLayers: false,
        dryRun: request.dryRun,
        compression: { kind: 'gzip' },
      })),
    )
  }
  return copied
}

async function namesOf(tools: LocationTools, entry: SyncEntry): Promise<readonly (readonly [string, string])[]> {
  if (entry.tags.length === 0) return [[entry.source, entry.target]]
  const source = parseReference(entry.source)
  const target = parseReference(entry.target)
  const patterns = entry.tags.filter((tag) => isPattern(tag)).map((tag) => new RegExp(tag.slice(1, -1)))
  const fixed = entry.tags.filter((tag) => !isPattern(tag))
  const listed =
    patterns.length === 0 ? [] : await Array.fromAsync(listTags(tools.client, source, { signal: tools.signal }))
  const tags = new Set([...fixed, ...listed.filter((tag) => patterns.some((pattern) => pattern.test(tag)))])
  return [...tags].map((tag) => [formatReference(withTag(source, tag)), formatReference(withTag(target, tag))] as const)
}

function isPattern(tag: string): boolean {
  return tag.length > 2 && tag.startsWith('/') && tag.endsWith('/')
}

async function readEntries({ text, format }: RegistrySyncRequest): Promise<readonly SyncEntry[]> {
  const json = format === 'json' ? text : JSON.stringify((await import('smol-toml')).parse(text))
  const root = readJson(Buffer.from(json), { code: 'SETTINGS_INVALID', what: 'the sync file' })
  const texts = (reader: JsonReader): readonly string[] =>
    optional(reader, (list) => list.list((item) => item.string())) ?? []
  return root.get('sync').list((entry) => ({
    source: entry.get('source').string(),
    target: entry.get('target').string(),
    tags: texts(entry.get('tags')),
    platforms: texts(entry.get('platforms')),
    referrers: optional(entry.get('referrers'), (flag) => flag.boolean()) ?? false,
  }))
}
