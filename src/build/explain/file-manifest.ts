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

/** What differs between two manifests. */
export interface Differences<Change> {
  readonly count: number
  /** By its path. */
  readonly first: FileDifference<Change> | undefined
}

type Compare<Change> = (old: ManifestEntry, entry: ManifestEntry) => Change | undefined

/**
 * Both sides are read side by side: a walk gives a source's files in the order of a tree, and nothing of them is held in memory. Files of
 * several sources may come in another order; then those that have no counterpart at their place are held, and paired at the end.
 */
export function compareManifests<Change extends string>(
  before: Iterable<ManifestEntry>,
  after: Iterable<ManifestEntry>,
  changeOf: Compare<Change>,
): Differences<Change | 'added' | 'removed'> {
  return compareOrdered(before, after, changeOf) ?? compareAny(before, after, changeOf)
}

/** Undefined: a side is not in the order of a tree. */
function compareOrdered<Change extends string>(
  before: Iterable<ManifestEntry>,
  after: Iterable<ManifestEntry>,
  changeOf: Compare<Change>,
): Differences<Change | 'added' | 'removed'> | undefined {
  const differences = countDifferences<Change | 'added' | 'removed'>()
  for (const [old, entry] of sideBySide(inOrder(before), inOrder(after))) {
    if (old === outOfOrder || entry === outOfOrder) return undefined
    if (old === undefined) differences.add(entry!.path, 'added')
    else if (entry === undefined) differences.add(old.path, 'removed')
    else differences.add(entry.path, changeOf(old, entry))
  }
  return differences.all()
}

function compareAny<Change extends string>(
  before: Iterable<ManifestEntry>,
  after: Iterable<ManifestEntry>,
  changeOf: Compare<Change>,
): Differences<Change | 'added' | 'removed'> {
  const differences = countDifferences<Change | 'added' | 'removed'>()
  const [removed, added] = [new Map<string, ManifestEntry>(), new Map<string, ManifestEntry>()]
  for (const [old, entry] of sideBySide(before, after)) {
    if (old !== undefined && entry !== undefined) differences.add(entry.path, changeOf(old, entry))
    else if (old !== undefined) removed.set(old.path, old)
    else added.set(entry!.path, entry!)
  }
  for (const [path, now] of added) {
    const was = removed.get(path)
    differences.add(path, was === undefined ? 'added' : changeOf(was, now))
    removed.delete(path)
  }
  for (const path of removed.keys()) differences.add(path, 'removed')
  return differences.all()
}

function countDifferences<Change extends string>(): {
  add(path: string, change: Change | undefined): void
  all(): Differences<Change>
} {
  let count = 0
  let first: FileDifference<Change> | undefined
  return {
    add(path, change) {
      if (change === undefined) return
      count += 1
      if (first === undefined || path < first.path) first = { path, change }
    },
    all: () => ({ count, first }),
  }
}

/** Entries of one path together, as far as the orders of both sides allow. */
function* sideBySide<Entry extends ManifestEntry>(
  before: Iterable<Entry>,
  after: Iterable<Entry>,
): Generator<readonly [Entry | undefined, Entry | undefined]> {
  const [olds, entries] = [before[Symbol.iterator](), after[Symbol.iterator]()]
  let [old, entry] = [olds.next(), entries.next()]
  while (old.done !== true || entry.done !== true) {
    const order = old.done === true ? 1 : entry.done === true ? -1 : treeOrder(old.value.path, entry.value.path)
    yield [order <= 0 ? old.value : undefined, order >= 0 ? entry.value : undefined]
    if (order <= 0) old = olds.next()
    if (order >= 0) entry = entries.next()
  }
}

/** Stands for the first entry that comes too late, and for all after it. */
const outOfOrder: ManifestEntry = { path: '', mode: 0, size: 0n, mtime: 0n, digest: '' }

function* inOrder(entries: Iterable<ManifestEntry>): Generator<ManifestEntry> {
  let last: string | undefined
  for (const entry of entries) {
    if (last !== undefined && treeOrder(last, entry.path) >= 0) {
      yield outOfOrder
      return
    }
    last = entry.path
    yield entry
  }
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
