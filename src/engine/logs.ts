import { join } from 'node:path'
import { TsbuildError } from '../base/errors.ts'
import type { Container } from '../container/container-records.ts'
import { isLive } from '../container/container-state.ts'
import { readJournal } from '../container/journal-reader.ts'
import { readLog } from '../container/log-reader.ts'
import type { LogEntry } from '../container/log-reader.ts'
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
  const path = join(engine.containers.directory(container.id), logFile)
  const ended = isLive(state) ? monitorGone(engine.containers, container.id, context.signal) : Promise.resolve()
  const options = { ...range, signal: context.signal, ...(follow ? { follow: ended } : {}) }
  return { container, entries: driver === 'journald' ? readJournal(container.id, options) : readLog(path, options) }
}
