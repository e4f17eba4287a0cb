import { setTimeout as delay } from 'node:timers/promises'
import { TsbuildError, hasErrno } from '../base/errors.ts'
import { processLines } from '../base/process-lines.ts'
import { idField } from './journal-fields.ts'
import type { LogEntry, LogOptions } from './log-reader.ts'

/** What the journal may need to show an entry that it was sent, in milliseconds. */
const settleMs = 500

/** Reads what a container with the driver journald wrote, through journalctl. FEATURE_MISSING where there is none. */
export async function* readJournal(id: string, options: LogOptions): AsyncGenerator<LogEntry> {
  using journal = processLines('journalctl', journalArgs(id, options), options.signal)
  void endAfter(options.follow, journal)
  try {
    for await (const line of journal.lines) yield journalEntry(line)
  } catch (error) {
    throw explained(error)
  }
}

/** Once the container is over, what is shown in a moment is the end. */
async function endAfter(follow: LogOptions['follow'], journal: Disposable): Promise<void> {
  if (follow === undefined) return
  await follow.catch(() => undefined)
  await delay(settleMs)
  journal[Symbol.dispose]()
}

function journalArgs(id: string, { tail, since, until, follow }: LogOptions): readonly string[] {
  const seconds = (date: Date): string => `@${date.getTime() / 1000}`
  return [
    '--output=json',
    '--all',
    '--quiet',
    ...(follow === undefined ? [] : ['--follow']),
    `--lines=${tail ?? 'all'}`,
    ...(since === undefined ? [] : [`--since=${seconds(since)}`]),
    ...(until === undefined ? [] : [`--until=${seconds(until)}`]),
    `${idField}=${id}`,
  ]
}

/** One line of `journalctl --output=json`: a message that is no text is a list of bytes. */
export function journalEntry(line: string): LogEntry {
  const fields = JSON.parse(line) as Readonly<Record<string, string | readonly number[] | null>>
  const message = fields['MESSAGE'] ?? ''
  const text = typeof message === 'string' ? message : Buffer.from(message).toString()
  const micros = BigInt(String(fields['_SOURCE_REALTIME_TIMESTAMP'] ?? fields['__REALTIME_TIMESTAMP'] ?? '0'))
  const date = new Date(Number(micros / 1000n)).toISOString()
  return {
    stream: fields['PRIORITY'] === '3' ? 'stderr' : 'stdout',
    log: fields['CONTAINER_PARTIAL_MESSAGE'] === 'true' ? text : `${text}\n`,
    time: date.replace('Z', `${String(micros % 1000n).padStart(3, '0')}000Z`),
  }
}

function explained(error: unknown): unknown {
  if (!hasErrno(error, 'ENOENT')) return error
  return new TsbuildError('FEATURE_MISSING', 'cannot read the journal: there is no journalctl', {
    hint: 'Install systemd, or start the container with --log-driver json-file',
    cause: error,
  })
}
