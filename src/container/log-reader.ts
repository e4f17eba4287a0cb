import { StringDecoder } from 'node:string_decoder'
import { setTimeout as delay } from 'node:timers/promises'
import { countLines, indexOfCursor, logFiles, newText, openLogFile } from './log-files.ts'
import type { LogCursor } from './log-files.ts'

/** One line (or part of a very long one) that a container wrote. */
export interface LogEntry {
  readonly stream: 'stdout' | 'stderr'
  /** With its newline, where it had one. */
  readonly log: string
  /** RFC 3339 with nanoseconds, as the monitor wrote it. */
  readonly time: string
  /** What the logging options name of the container's labels and variables. */
  readonly attrs?: Readonly<Record<string, string>>
}

export interface LogOptions {
  /** Only the last so many lines, and what follows. */
  readonly tail?: number
  readonly since?: Date
  readonly until?: Date
  /** Goes on until this resolves, and then to the end of what is written. Absent: to the end of what is there now. */
  readonly follow?: Promise<unknown>
  /** Told of each file as it is begun: whoever rotates them waits for that. */
  readonly reading?: (inode: bigint) => void
  /** Told when files were taken away before they were read: lines are missing here. */
  readonly lost?: () => void
  readonly signal: AbortSignal
}

/** How often a followed log is looked at when nothing comes. */
const pollMs = 40

/** Reads a json-file log with its rotated predecessors, oldest line first. No line is lost or told twice when it is rotated meanwhile. */
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
  { follow, until, signal, reading, lost }: LogOptions,
): AsyncGenerator<LogEntry | 'caught up'> {
  let ended = follow === undefined
  const end = (): void => void (ended = true)
  follow?.then(end, end)
  let current = await openFirst(path, tail)
  let caughtUp = false
  try {
    if (current !== undefined) reading?.(current.inode)
    for (;;) {
      signal.throwIfAborted()
      const last = ended
      if (current !== undefined) yield* readToEnd(current)
      const next = await openNext(path, current)
      if (next !== undefined) {
        // Its writer has left the old file for good, but perhaps after we read it.
        if (current !== undefined) yield* readToEnd(current)
        await current?.file.close()
        current = next.cursor
        reading?.(current.inode)
        if (next.gap) lost?.()
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

async function* readToEnd(cursor: LogCursor): AsyncGenerator<LogEntry> {
  const decoder = new StringDecoder('utf8')
  let rest = ''
  for await (const text of newText(cursor)) {
    const lines = (rest + decoder.write(text)).split('\n')
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

async function openFirst(path: string, tail: number | undefined): Promise<LogCursor | undefined> {
  for (;;) {
    const files = await logFiles(path)
    let start = 0
    if (tail !== undefined) {
      let lines = 0
      for (start = files.length; start > 0 && lines < tail; start -= 1) lines += await countLines(files[start - 1]!)
      start = Math.min(start, files.length - 1)
    }
    const first = files[start]
    if (first === undefined) return undefined
    const cursor = await openLogFile(first)
    if (cursor !== undefined) return cursor
  }
}

/** The file that was begun after `current`; undefined while that is the one being written. `gap`: files between them are gone. */
async function openNext(
  path: string,
  current: LogCursor | undefined,
): Promise<{ readonly cursor: LogCursor; readonly gap: boolean } | undefined> {
  for (;;) {
    const files = await logFiles(path)
    // A file that is no longer listed was older than all that are.
    const at = current === undefined ? -1 : indexOfCursor(files, current)
    const next = files[at + 1]
    if (next === undefined) return undefined
    const cursor = await openLogFile(next)
    if (cursor !== undefined) return { cursor, gap: current !== undefined && at < 0 }
  }
}
