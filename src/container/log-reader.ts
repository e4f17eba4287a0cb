import { open, stat } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { StringDecoder } from 'node:string_decoder'
import { setTimeout as delay } from 'node:timers/promises'
import { hasErrno } from '../base/errors.ts'

/** One line (or part of a very long one) that a container wrote. */
export interface LogEntry {
  readonly stream: 'stdout' | 'stderr'
  /** With its newline, where it had one. */
  readonly log: string
  /** RFC 3339 with nanoseconds, as the monitor wrote it. */
  readonly time: string
}

export interface LogOptions {
  /** Only the last so many lines, and what follows. */
  readonly tail?: number
  readonly since?: Date
  readonly until?: Date
  /** Goes on until this resolves, and then to the end of what is written. Absent: to the end of what is there now. */
  readonly follow?: Promise<unknown>
  readonly signal: AbortSignal
}

/** How often a followed log is looked at when nothing comes. */
const pollMs = 40

const chunkSize = 256 * 1024

/** Reads a json-file log with its rotated predecessors (`PATH.1` is the newest of them), oldest line first. No line is lost or told twice when it is rotated meanwhile. */
export async function* readLog(path: string, options: LogOptions): AsyncGenerator<LogEntry> {
  const { tail, since, until } = options
  const isWanted = ({ time }: LogEntry): boolean =>
    (since === undefined || Date.parse(time) >= since.getTime()) &&
    (until === undefined || Date.parse(time) <= until.getTime())
  let kept: LogEntry[] = []
  let live = tail === undefined
  for await (const item of allEntries(path, tail, options)) {
    if (item === 'caught up') {
      if (!live && tail !== undefined && tail > 0) yield* kept.slice(-tail)
      kept = []
      live = true
    } else if (!isWanted(item)) continue
    else if (live) yield item
    else {
      kept.push(item)
      if (kept.length > 2 * (tail ?? 0) + 1024) kept.splice(0, kept.length - (tail ?? 0))
    }
  }
}

/** Every entry from the file on that holds the last `tail` lines; `caught up` once, where the present begins. */
async function* allEntries(
  path: string,
  tail: number | undefined,
  { follow, until, signal }: LogOptions,
): AsyncGenerator<LogEntry | 'caught up'> {
  let ended = follow === undefined
  const end = (): void => void (ended = true)
  follow?.then(end, end)
  let current = await openFirst(path, tail)
  let caughtUp = false
  try {
    for (;;) {
      signal.throwIfAborted()
      const last = ended
      if (current !== undefined) yield* readToEnd(current)
      const next = await openNext(path, current)
      if (next !== undefined) {
        // Its writer has left the old file for good, but perhaps after we read it.
        if (current !== undefined) yield* readToEnd(current)
        await current?.file.close()
        current = next
        continue
      }
      if (!caughtUp) yield 'caught up'
      caughtUp = true
      if (last || (until !== undefined && Date.now() > until.getTime())) return
      await delay(pollMs, undefined, { signal })
    }
  } finally {
    await current?.file.close()
  }
}

/** An open log file and how far it has been read. */
interface Cursor {
  readonly file: FileHandle
  readonly inode: bigint
  offset: number
}

async function* readToEnd(cursor: Cursor): AsyncGenerator<LogEntry> {
  const decoder = new StringDecoder('utf8')
  const buffer = Buffer.allocUnsafe(chunkSize)
  let rest = ''
  let ahead = cursor.offset
  for (;;) {
    const { bytesRead } = await cursor.file.read(buffer, 0, chunkSize, ahead)
    if (bytesRead === 0) return
    ahead += bytesRead
    const lines = (rest + decoder.write(buffer.subarray(0, bytesRead))).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      cursor.offset += Buffer.byteLength(line) + 1
      yield* parseLine(line)
    }
  }
}

/** A line that is not whole JSON was cut by a crash of the machine: it is left out. */
function* parseLine(line: string): Generator<LogEntry> {
  if (line === '') return
  try {
    yield JSON.parse(line) as LogEntry
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
}

async function openFirst(path: string, tail: number | undefined): Promise<Cursor | undefined> {
  for (;;) {
    const files = await logFiles(path)
    let start = 0
    if (tail !== undefined) {
      let lines = 0
      for (start = files.length; start > 0 && lines < tail; start -= 1)
        lines += await countLines(files[start - 1]?.path)
      start = Math.min(start, files.length - 1)
    }
    const first = files[start]
    if (first === undefined) return undefined
    const cursor = await openFile(first)
    if (cursor !== undefined) return cursor
  }
}

/** The file that was begun after `current`; undefined while that is the one being written. */
async function openNext(path: string, current: Cursor | undefined): Promise<Cursor | undefined> {
  for (;;) {
    const files = await logFiles(path)
    // A file that is no longer listed was older than all that are.
    const next = files[files.findIndex((file) => file.inode === current?.inode) + 1]
    if (next === undefined) return undefined
    const cursor = await openFile(next)
    if (cursor !== undefined) return cursor
  }
}

interface LogFile {
  readonly path: string
  readonly inode: bigint
}

/** Undefined when another file has got the name meanwhile. */
async function openFile(wanted: LogFile): Promise<Cursor | undefined> {
  try {
    const file = await open(wanted.path, 'r')
    const { ino } = await file.stat({ bigint: true })
    if (ino === wanted.inode) return { file, inode: ino, offset: 0 }
    await file.close()
    return undefined
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined
    throw error
  }
}

/** Oldest first. One number may be missing: a rotation renames the files one after the other. */
async function logFiles(path: string): Promise<readonly LogFile[]> {
  const files: LogFile[] = []
  for (let number = 0, missing = 0; missing < 2 || number < 3; number += 1) {
    const name = number === 0 ? path : `${path}.${number}`
    const inode = await inodeOf(name)
    missing = inode === undefined ? missing + 1 : 0
    if (inode !== undefined) files.unshift({ path: name, inode })
  }
  return files
}

async function inodeOf(path: string): Promise<bigint | undefined> {
  try {
    return (await stat(path, { bigint: true })).ino
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined
    throw error
  }
}

async function countLines(path: string | undefined): Promise<number> {
  if (path === undefined) return 0
  let lines = 0
  try {
    const file = await open(path, 'r')
    try {
      const buffer = Buffer.allocUnsafe(chunkSize)
      for (let offset = 0; ;) {
        const { bytesRead } = await file.read(buffer, 0, chunkSize, offset)
        if (bytesRead === 0) return lines
        offset += bytesRead
        for (let at = buffer.indexOf(10); at >= 0 && at < bytesRead; at = buffer.indexOf(10, at + 1)) lines += 1
      }
    } finally {
      await file.close()
    }
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return lines
    throw error
  }
}
