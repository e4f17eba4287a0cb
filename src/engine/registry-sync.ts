import { TsbuildError } from '../base/errors.ts'
import { isDigest, parseDigest } from '../oci/digest.ts'
import { parsePlatform } from '../oci/platform.ts'
import { formatReference, parseReference, withDigest, withTag } from '../oci/reference.ts'
import type { Platform } from '../oci/types.ts'
import { listTags } from '../registry/list.ts'
import type { LocationTools } from './open-location.ts'
import { registryCopy } from './registry-copy.ts'
import type { CopiedImage } from './registry-copy.ts'
import { readSyncFile } from './sync-file.ts'
import type { SyncEntry, SyncFile } from './sync-file.ts'
import { versionRange } from '../oci/version-range.ts'

export interface RegistrySyncRequest extends SyncFile {
  readonly host: Platform
  readonly dryRun: boolean
  /** Goes on with the others when one fails. */
  readonly keepGoing: boolean
}

export interface SyncResult {
  readonly copied: readonly CopiedImage[]
  readonly failed: readonly { readonly source: string; readonly error: TsbuildError }[]
}

/** Copies many images as a file says. Errors: those of `readSyncFile` and `registryCopy`. */
export async function registrySync(tools: LocationTools, request: RegistrySyncRequest): Promise<SyncResult> {
  const copied: CopiedImage[] = []
  const failed: { source: string; error: TsbuildError }[] = []
  const attempt = async (source: string, work: () => Promise<void>): Promise<void> => {
    try {
      await work()
    } catch (error) {
      if (!request.keepGoing || !(error instanceof TsbuildError) || error.code === 'CANCELLED') throw error
      failed.push({ source, error })
    }
  }
  const { entries, notes } = await readSyncFile(request)
  for (const text of notes) tools.emit({ kind: 'notice', level: 'warning', text })
  for (const entry of entries) {
    await attempt(entry.source, async () => {
      for (const [source, target] of await namesOf(tools, entry))
        await attempt(source, async () => {
          copied.push(...(await copyEntry(tools, entry, source, target, request)))
        })
    })
  }
  return { copied, failed }
}

function copyEntry(
  tools: LocationTools,
  entry: SyncEntry,
  source: string,
  target: string,
  request: RegistrySyncRequest,
): Promise<readonly CopiedImage[]> {
  return registryCopy(tools, {
    source,
    target,
    platforms: entry.platforms.map((text) => parsePlatform(text, request.host)),
    allTags: false,
    referrers: entry.referrers,
    foreignLayers: false,
    dryRun: request.dryRun,
    compression: { kind: 'gzip' },
  })
}

async function namesOf(tools: LocationTools, entry: SyncEntry): Promise<readonly (readonly [string, string])[]> {
  const { source, target, tags: choice } = entry
  if (choice.kind === 'named') return [[source, target]]
  const [from, to] = [parseReference(source), parseReference(target)]
  const fits = listedTest(choice)
  const listed = fits === undefined ? [] : await Array.fromAsync(listTags(tools.client, from, { signal: tools.signal }))
  const names = new Set([...(choice.kind === 'some' ? choice.names : []), ...listed.filter((tag) => fits?.(tag))])
  return [...names].map((name) =>
    isDigest(name)
      ? [formatReference(withDigest(from, parseDigest(name))), formatReference(withDigest(to, parseDigest(name)))]
      : [formatReference(withTag(from, name)), formatReference(withTag(to, name))],
  )
}

/** Which of the registry's tags are wanted; undefined when they need not be asked for. */
function listedTest(choice: Exclude<SyncEntry['tags'], { kind: 'named' }>): ((tag: string) => boolean) | undefined {
  switch (choice.kind) {
    case 'all':
      return () => true
    case 'versions':
      return versionRange(choice.range)
    case 'some':
      return choice.patterns.length === 0 ? undefined : (tag) => choice.patterns.some((pattern) => pattern.test(tag))
  }
}
