import { execFile } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import type { Duplex, Readable, Writable } from 'node:stream'
import { TsbuildError, cancelled, hasErrno, messageOf } from '../base/errors.ts'
import type { IdMap } from '../settings/idmap.ts'
import { answerFd, coreStarter, firstExtraFd, planFd, startFailed } from './core-process.ts'
import type { CoreProcess, CoreStarter, Ended } from './core-process.ts'
import { splitLines } from './lines.ts'
import { NativeError } from './native-error.ts'
import type { Answer, NativeCore, PlanOptions, RunningPlan, Tree } from './native.ts'

const protocol = 1

/** How long a cancelled core may take to undo its half work before it is killed. */
const cancelGraceMs = 10_000

/**
 * The client of the executable at `path`. Nothing is started before the first call. With `idmap` every plan is carried out in a
 * user namespace of that mapping: the files of an unprivileged user's snapshots belong to its sub-ids. `searchPath` is the PATH in
 * which the core finds programs (newuidmap, pasta, …).
 */
export function createNativeCore(path: string, idmap?: IdMap, searchPath?: string): NativeCore {
  const starter = coreStarter(path, searchPath)
  const start: NativeCore['start'] = (verb, plan, options = {}) =>
    startPlan(starter, { protocol, verb, ...placeOf(plan, idmap), ...plan }, verb, options)
  return {
    path,
    start,
    call: (verb, plan, options) => start(verb, plan, options).result,
    prepare: starter.prepare,
    [Symbol.dispose]: () => starter[Symbol.dispose](),
    oci: (args, options = {}) => runOci(path, args, options.signal),
  }
}

/** What a process of a container sees is open to its own user namespace only. */
function placeOf(plan: { readonly tree?: Tree }, idmap: IdMap | undefined): object {
  if (idmap === undefined) return {}
  return { idmap: plan.tree?.kind === 'process' ? { pid: plan.tree.pid } : idmap }
}

function startPlan(starter: CoreStarter, plan: object, verb: string, options: PlanOptions): RunningPlan {
  options.signal?.throwIfAborted()
  const core = starter.start(verb, options)
  const [stdin = null, stdout = null, stderr = null] = core.streams
  sendPlan(core, plan)
  return {
    pid: core.child.pid,
    stdin: stdin as Writable | null,
    stdout: stdout as Readable | null,
    stderr: stderr as Readable | null,
    pipes: (options.fds ?? []).map((_, at) => (core.streams[firstExtraFd + at] ?? null) as Duplex | null),
    result: readAnswers(core, verb, options),
  }
}

/** A core that fails early closes its end; its `error` line tells why, so EPIPE here is not the news. */
function sendPlan({ streams }: CoreProcess, plan: object): void {
  const pipe = streams[planFd] as Writable | undefined
  pipe?.on('error', () => {})
  pipe?.end(JSON.stringify(plan))
}

async function readAnswers(core: CoreProcess, verb: string, options: PlanOptions): Promise<Answer> {
  const { child, streams, ended } = core
  const { signal } = options
  const stop = (): void => terminate(child, ended)
  signal?.addEventListener('abort', stop, { once: true })
  try {
    const last = await lastAnswer(streams[answerFd] as Readable | undefined, options.onEvent)
    if (options.detached === true && last?.['type'] === 'result') {
      child.unref()
      return last
    }
    const end = await ended
    if (last?.['type'] === 'result') return last
    if (signal?.aborted === true) throw cancelled(signal)
    if (last?.['type'] === 'error') throw new NativeError(verb, last)
    const how = end.signal === null ? `exit code ${end.code}` : `signal ${end.signal}`
    throw new TsbuildError(
      'NATIVE_PROTOCOL',
      `Cannot carry out "${verb}": the native core ended by ${how} without an answer`,
    )
  } catch (error) {
    await ended
    throw error
  } finally {
    signal?.removeEventListener('abort', stop)
  }
}

/** Reads the answer pipe to its end; gives the `result` or `error` line, undefined when there was none. */
async function lastAnswer(pipe: Readable | undefined, onEvent: PlanOptions['onEvent']): Promise<Answer | undefined> {
  let last: Answer | undefined
  if (pipe === undefined) return undefined
  for await (const line of splitLines(pipe)) {
    const answer = parseAnswer(line)
    switch (answer['type']) {
      case 'hello':
        if (answer['protocol'] !== protocol) throw protocolError(`it speaks protocol ${String(answer['protocol'])}`)
        break
      case 'event':
        onEvent?.(answer)
        break
      case 'result':
      case 'error':
        last = answer
        break
      default:
        throw protocolError(`it sent a line of type "${String(answer['type'])}"`)
    }
  }
  return last
}

function parseAnswer(line: string): Answer {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (error) {
    throw protocolError(`it sent a line that is not JSON: ${messageOf(error)}`)
  }
  if (typeof value !== 'object' || value === null) throw protocolError('it sent a line that is not an object')
  return value as Answer
}

function protocolError(what: string): TsbuildError {
  return new TsbuildError('NATIVE_PROTOCOL', `Cannot understand the native core: ${what}`, {
    hint: 'The core and tsbuild must be of the same release',
  })
}

function terminate(child: ChildProcess, ended: Promise<Ended>): void {
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), cancelGraceMs)
  ended.then(
    () => clearTimeout(timer),
    () => clearTimeout(timer),
  )
}

function runOci(path: string, args: readonly string[], signal: AbortSignal | undefined): Promise<{ stdout: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ stdout: string }>()
  execFile(path, [...args], { signal, env: {}, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
    if (error === null) resolve({ stdout })
    else if (signal?.aborted === true) reject(cancelled(signal))
    else if (hasErrno(error, 'ENOENT', 'EACCES')) reject(startFailed(error, path))
    else reject(new TsbuildError('PROCESS_FAILED', stderr.trim() || error.message, { cause: error, details: { args } }))
  })
  return promise
}
