import { readFileSync } from 'node:fs'
import { hasErrno } from '../../base/errors.ts'

/** One file as a walk of the native core wrote it down (native/data/manifest.h). */
export interface ManifestEntry {
  readonly mode: number
  readonly size: bigint
  readonly mtime: bigint
  /** Content and attributes of a regular file; zeros for anything else. */
  readonly digest: string
}

/** How a file differs between two manifests. */
export type FileChange = 'added' | 'removed' | 'content' | 'mode' | 'type'

export interface FileDifference {
  readonly path: string
  readonly change: FileChange
}

const magic = 'tsbfile1'
const recordSize = 80
const offsets = { size: 16, mtime: 24, mode: 40, pathSize: 44, digest: 48 } as const
const typeMask = 0o170000
const linkType = 0o120000

/** Reads a manifest by path; undefined when it is not there any more. */
export function readManifest(path: string): ReadonlyMap<string, ManifestEntry> | undefined {
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined
    throw error
  }
  if (bytes.subarray(0, magic.length).toString('latin1') !== magic) return undefined
  const entries = new Map<string, ManifestEntry>()
  let at = magic.length
  while (at + recordSize <= bytes.length) {
    const pathStart = at + recordSize
    const pathEnd = pathStart + bytes.readUInt32LE(at + offsets.pathSize)
    entries.set(bytes.subarray(pathStart, pathEnd).toString('utf8'), {
      mode: bytes.readUInt32LE(at + offsets.mode),
      size: bytes.readBigUInt64LE(at + offsets.size),
      mtime: bytes.readBigInt64LE(at + offsets.mtime),
      digest: bytes.subarray(at + offsets.digest, pathStart).toString('hex'),
    })
    at = pathEnd
  }
  return entries
}

/** Every file that differs, in the order of paths. */
export function compareManifests(
  before: ReadonlyMap<string, ManifestEntry>,
  after: ReadonlyMap<string, ManifestEntry>,
): readonly FileDifference[] {
  const differences: FileDifference[] = []
  for (const [path, entry] of after) {
    const old = before.get(path)
    const change = old === undefined ? 'added' : changeOf(old, entry)
    if (change !== undefined) differences.push({ path, change })
  }
  for (const path of before.keys()) if (!after.has(path)) differences.push({ path, change: 'removed' })
  return differences.sort((a, b) => (a.path < b.path ? -1 : 1))
}

function changeOf(old: ManifestEntry, entry: ManifestEntry): FileChange | undefined {
  if ((old.mode & typeMask) !== (entry.mode & typeMask)) return 'type'
  if (old.digest !== entry.digest) return 'content'
  // Where a link leads is not in the record, but changing it makes a new link.
  if ((entry.mode & typeMask) === linkType && (old.size !== entry.size || old.mtime !== entry.mtime)) return 'content'
  return old.mode === entry.mode ? undefined : 'mode'
}
