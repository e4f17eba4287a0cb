import { closeSync, existsSync, openSync, readSync } from 'node:fs'

/** One file as a walk of the native core wrote it down (native/data/manifest.h). */
export interface ManifestEntry {
  readonly path: string
  readonly mode: number
  readonly size: bigint
  readonly mtime: bigint
  /** Of content and attributes of a regular file; zeros for anything else. */
  readonly digest: string
}

/** How a file differs between two manifests. */
export type FileChange = 'added' | 'removed' | 'content' | 'mode' | 'type'

export interface FileDifference<Change = FileChange> {
  readonly path: string
  readonly change: Change
}

const magic = 'tsbfile1'
const recordSize = 80
const offsets = { size: 16, mtime: 24, mode: 40, pathSize: 44, digest: 48 } as const
const typeMask = 0o170000
const linkType = 0o120000
/** Read at once; longer than any record, as a path has 4096 bytes at most. */
const windowSize = 256 * 1024

/** The entries of a manifest, read as they are asked for; undefined when it is not there any more. */
export function readManifest(path: string): Iterable<ManifestEntry> | undefined {
  return existsSync(path) ? { [Symbol.iterator]: () => entriesOf(path) } : undefined
}

function* entriesOf(path: string): Generator<ManifestEntry> {
  const file = openSync(path, 'r')
  try {
    const window = Buffer.alloc(windowSize)
    let filled = readSync(file, window)
    let at = magic.length
    if (window.toString('latin1', 0, at) !== magic) return
    for (;;) {
      const size = at + recordSize <= filled ? recordSize + window.readUInt32LE(at + offsets.pathSize) : Infinity
      if (at + size <= filled) {
        yield entryAt(window, at, size)
        at += size
        continue
      }
      window.copyWithin(0, at, filled)
      filled -= at
      at = 0
      const more = readSync(file, window, filled, windowSize - filled, null)
      if (more === 0) return
      filled += more
    }
  } finally {
    closeSync(file)
  }
}

function entryAt(window: Buffer, at: number, size: number): ManifestEntry {
  return {
    path: window.toString('utf8', at + recordSize, at + size),
    mode: window.readUInt32LE(at + offsets.mode),
    size: window.readBigUInt64LE(at + offsets.size),
    mtime: window.readBigInt64LE(at + offsets.mtime),
    digest: window.toString('latin1', at + offsets.digest, at + recordSize),
  }
}

/**
 * Every file that differs, in the order of paths. Both sides are read once, side by side: a walk gives a source's files in the order
 * of a tree, so that only what differs is held in memory. Files of several sources may come in another order; they are paired at the end.
 */
export function compareManifests<Change extends string>(
  before: Iterable<ManifestEntry>,
  after: Iterable<ManifestEntry>,
  changeOf: (old: ManifestEntry, entry: ManifestEntry) => Change | undefined,
): readonly FileDifference<Change | 'added' | 'removed'>[] {
  const differences: FileDifference<Change | 'added' | 'removed'>[] = []
  const [removed, added] = [new Map<string, ManifestEntry>(), new Map<string, ManifestEntry>()]
  const pair = (old: ManifestEntry, entry: ManifestEntry): void => {
    const change = changeOf(old, entry)
    if (change !== undefined) differences.push({ path: entry.path, change })
  }
  const [olds, entries] = [before[Symbol.iterator](), after[Symbol.iterator]()]
  let [old, entry] = [olds.next(), entries.next()]
  while (old.done !== true || entry.done !== true) {
    const order = old.done === true ? 1 : entry.done === true ? -1 : treeOrder(old.value.path, entry.value.path)
    if (order === 0) pair(old.value, entry.value)
    else if (order < 0) removed.set(old.value.path, old.value)
    else added.set(entry.value.path, entry.value)
    if (order <= 0) old = olds.next()
    if (order >= 0) entry = entries.next()
  }
  for (const [path, now] of added) {
    const was = removed.get(path)
    if (was === undefined) differences.push({ path, change: 'added' })
    else pair(was, now)
    removed.delete(path)
  }
  for (const path of removed.keys()) differences.push({ path, change: 'removed' })
  return differences.sort((a, b) => (a.path < b.path ? -1 : 1))
}

/** A directory comes before what is in it, and all of that before the directory's next sibling. */
function treeOrder(one: string, other: string): number {
  if (one === other) return 0
  let at = 0
  while (at < one.length && at < other.length && one[at] === other[at]) at++
  const [a, b] = [one[at], other[at]]
  if (a === undefined || b === undefined) return a === undefined ? -1 : 1
  if (a === '/' || b === '/') return a === '/' ? -1 : 1
  return a < b ? -1 : 1
}

/** What is another file for a build: times do not count. */
export function changeOfFile(old: ManifestEntry, entry: ManifestEntry): FileChange | undefined {
  if ((old.mode & typeMask) !== (entry.mode & typeMask)) return 'type'
  if (old.digest !== entry.digest) return 'content'
  // Where a link leads is not in the record, but changing it makes a new link.
  if ((entry.mode & typeMask) === linkType && (old.size !== entry.size || old.mtime !== entry.mtime)) return 'content'
  return old.mode === entry.mode ? undefined : 'mode'
}
