import { join } from 'node:path'
import type { Emit } from '../base/events.ts'
import { TsbuildError, hasCode } from '../base/errors.ts'
import type { Container } from '../container/container-records.ts'
import { isLive } from '../container/container-state.ts'
import { readJournal } from '../container/journal-reader.ts'
import { readLog } from '../container/log-reader.ts'
import type { LogEntry, LogOptions } from '../container/log-reader.ts'
import { connectMonitor } from '../container/monitor-client.ts'
import { monitorGone } from '../container/monitor-life.ts'
import { logFile } from '../container/monitor-plan.ts'
import { settledByName } from '../container/settle.ts'
import type { Engine, VerbContext } from './engine.ts'

export interface LogsRequest {
  readonly name: string
  readonly follow: boolean
  readonly tail?: number
  readonly since?: Date
  readonly until?: Date
}

export interface LogsResult {
  readonly container: Container
  /** Ends with the container when it is followed. */
  readonly entries: AsyncIterable<LogEntry>
}

/** What a container wrote. CONTAINER_NOT_FOUND; CONTAINER_CONFLICT for a logging driver that keeps nothing. */
export async function logs(engine: Engine, request: LogsRequest, context: VerbContext): Promise<LogsResult> {
  const { name, follow, ...range } = request
  const { container, state } = await settledByName(engine.containers, name)
  const { driver } = container.spec.log
  if (driver === 'none') {
    throw new TsbuildError('CONTAINER_CONFLICT', `configured logging driver "${driver}" does not support reading`, {
      hint: 'Start the container with --log-driver json-file',
    })
  }
  const runDirectory = engine.containers.runDirectory(container.id)
  const path = join(engine.containers.directory(container.id), logFile)
  const ended = async (): Promise<void> => {
    if (isLive(state)) await monitorGone(engine.containers, container.id, context.signal)
  }
  const options = { ...range, signal: context.signal, ...(follow ? { follow: ended() } : {}) }
  if (driver === 'journald') return { container, entries: readJournal(container.id, options) }
  return { container, entries: readKept(isLive(state) ? runDirectory : undefined, path, options, context.emit) }
}

/** As `readLog`. The monitor, where one lives, keeps each file until it is read. */
async function* readKept(
  runDirectory: string | undefined,
  path: string,
  options: LogOptions,
  emit: Emit,
): AsyncGenerator<LogEntry> {
  using monitor = runDirectory === undefined ? undefined : await connectMonitor(runDirectory)
  const tell = async (inode?: bigint): Promise<void> => {
    const at = inode === undefined ? {} : { inode: String(inode) }
    try {
      await monitor?.ask({ op: 'read-log', ...at })
    } catch (error) {
      // Its end leaves the files as they are; one of an earlier release knows nothing of readers.
      if (!hasCode(error, 'CONTAINER_UNREACHABLE', 'PLAN_INVALID')) throw error
    }
  }
  await tell()
  const reading = (inode: bigint): void => void tell(inode)
  const lost = (): void => {
    const text = 'the log was rotated faster than it could be read: lines are missing here'
    emit({ kind: 'notice', level: 'warning', text })
  }
  yield* readLog(path, { ...options, reading, lost })
}
