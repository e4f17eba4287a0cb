import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { TsbuildError, hasErrno } from '../base/errors.ts'
import type { OwnStdio, PlanOptions, Stdio } from './native.ts'

export const planFd = 3
export const answerFd = 4
export const firstExtraFd = 5

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** A process of the core that has its plan, or waits for it. */
export interface CoreProcess {
  readonly child: ChildProcess
  /** By descriptor. Empty when there was no descriptor left to start it with. */
  readonly streams: readonly (Readable | Writable | null | undefined)[]
  /** Rejects with NATIVE_MISSING when it could not be started. */
  readonly ended: Promise<Ended>
}

type CoreOptions = Pick<PlanOptions, 'stdio' | 'fds' | 'detached'>

export interface CoreStarter extends Disposable {
  /** One for a plan with this verb and options: one that waits for it already, where there is one. */
  start(verb: string, options: CoreOptions): CoreProcess
  /** Starts one that waits for such a plan, unless one does already. It ends with the starter, or with us. */
  prepare(verb: string, stdio?: OwnStdio): void
}

const quiet = ['ignore', 'ignore', 'ignore'] as const

/** Starts processes of the core at `path`; `searchPath` is the PATH in which they find programs. */
export function coreStarter(path: string, searchPath: string | undefined): CoreStarter {
  const env = searchPath === undefined ? {} : { PATH: searchPath }
  const waiting = new Map<string, CoreProcess>()

  function launch(args: readonly string[], { stdio = quiet, fds = [], detached = false }: CoreOptions): CoreProcess {
    const child = spawn(path, ['plan', ...args], { stdio: [...stdio, 'pipe', 'pipe', ...fds], detached, env })
    const ended = whenEnded(child, path)
    return { child, ended, streams: streamsOf(child) }
  }

  function take(verb: string, { stdio = quiet, fds = [] }: CoreOptions): CoreProcess | undefined {
    if (fds.length > 0) return undefined
    const form = formOf(verb, stdio)
    const one = waiting.get(form)
    waiting.delete(form)
    if (one === undefined || one.child.pid === undefined || hasEnded(one.child)) return undefined
    hold(one, true)
    return one
  }

  return {
    start: (verb, options) => take(verb, options) ?? launch([], options),
    prepare(verb, stdio = quiet) {
      const form = formOf(verb, stdio)
      const one = waiting.get(form)
      if (one !== undefined && !hasEnded(one.child)) return
      // Of a session of its own: an interrupt of the terminal, which we may outlive, is not its business.
      const started = launch(['--ahead', verb], { stdio, detached: true })
      hold(started, false)
      waiting.set(form, started)
    },
    [Symbol.dispose]() {
      for (const { streams } of waiting.values()) for (const stream of streams) stream?.destroy()
      waiting.clear()
    },
  }
}

function formOf(verb: string, stdio: readonly Stdio[]): string {
  return [verb, ...stdio].join(' ')
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

/** Whether we live on until it ends. */
function hold({ child, streams }: CoreProcess, held: boolean): void {
  const change = held ? 'ref' : 'unref'
  child[change]()
  for (const stream of streams) (stream as { ref?(): void; unref?(): void } | null)?.[change]?.()
}

/** Node makes none where the start failed for want of descriptors (EMFILE), whatever its types say. */
function streamsOf({ stdio }: { readonly stdio?: ChildProcess['stdio'] }): CoreProcess['streams'] {
  return stdio ?? []
}

function whenEnded(child: ChildProcess, path: string): Promise<Ended> {
  const { promise, resolve, reject } = Promise.withResolvers<Ended>()
  child.once('error', (error) => reject(startFailed(error, path)))
  child.once('exit', (code, signal) => resolve({ code, signal }))
  promise.catch(() => {}) // awaited only after the answers have been read
  return promise
}

const startHints = [
  ['ENOENT', 'Build it with "npm run build", or name it in TSBUILD_CORE'],
  ['EMFILE', 'Allow more open files (ulimit -n)'],
] as const

export function startFailed(error: Error, path: string): TsbuildError {
  const hint = startHints.find(([errno]) => hasErrno(error, errno))?.[1]
  return new TsbuildError('NATIVE_MISSING', `Cannot start the native core "${path}": ${error.message}`, {
    cause: error,
    ...(hint === undefined ? {} : { hint }),
  })
}
