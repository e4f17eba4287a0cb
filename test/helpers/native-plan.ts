import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** Bytes as the plan protocol carries them: text where it is valid UTF-8, else base64. */
export type Bytes = string | { readonly b64: string }

export type Plan = { readonly verb: string } & Readonly<Record<string, unknown>>

export interface PlanFailure {
  readonly code: string
  readonly message: string
  readonly errno?: string
  readonly syscall?: string
  readonly path?: Bytes
}

export interface PlanAnswer {
  readonly hello: Readonly<Record<string, unknown>> | undefined
  readonly events: readonly Readonly<Record<string, unknown>>[]
  readonly result: Readonly<Record<string, unknown>> | undefined
  readonly error: PlanFailure | undefined
  /** Exit status, or the name of the signal that ended the core. */
  readonly exit: number | string
  readonly stdout: Buffer
  readonly stderr: string
}

export interface PlanOptions {
  /** Descriptors of this process that the core gets as 5, 6, … */
  readonly fds?: readonly number[]
  /** A promise is written once it has resolved. */
  readonly stdin?: string | Promise<string>
  /** Sends SIGTERM to the core when it aborts. */
  readonly signal?: AbortSignal
  readonly onEvent?: (event: Readonly<Record<string, unknown>>) => void
  /** The core greets when it can be cancelled, before it looks at its plan. */
  readonly onHello?: () => void
  /** Words in front of the core's path: a program that runs it somewhere else. */
  readonly prefix?: readonly string[]
}

/** The binary under test: TSBUILD_CORE, so that the same tests run on the sanitizer build. */
export const coreBinary: string =
  process.env['TSBUILD_CORE'] ?? fileURLToPath(new URL('../../native/build/tsbuild-core', import.meta.url))

/** Runs one plan and returns everything it answered. Members `protocol` may be left out; a string is sent as it is. */
export async function runPlan(plan: Plan | string, options: PlanOptions = {}): Promise<PlanAnswer> {
  const [program, ...args] = [...(options.prefix ?? []), coreBinary, 'plan']
  const child = spawn(program, args, {
    stdio: ['pipe', 'pipe', 'pipe', 'pipe', 'pipe', ...(options.fds ?? [])],
  })
  const abort = (): void => void child.kill('SIGTERM')
  options.signal?.addEventListener('abort', abort, { once: true })
  const [, , , planPipe, answerPipe] = child.stdio
  if (!planPipe || !('write' in planPipe) || !answerPipe || !('read' in answerPipe)) throw new Error('no pipes')
  // The core may end before it has read a plan that is too large.
  for (const pipe of [child.stdin, planPipe]) pipe?.on('error', () => undefined)
  Promise.resolve(options.stdin ?? '').then(
    (text) => child.stdin?.end(text),
    () => child.kill('SIGTERM'),
  )
  planPipe.end(typeof plan === 'string' ? plan : JSON.stringify({ protocol: 1, ...plan }))

  const lines: Readonly<Record<string, unknown>>[] = []
  let pending = ''
  answerPipe.on('data', (chunk: Buffer) => {
    pending += chunk.toString()
    for (let end = pending.indexOf('\n'); end >= 0; end = pending.indexOf('\n')) {
      const line = JSON.parse(pending.slice(0, end))
      pending = pending.slice(end + 1)
      lines.push(line)
      if (line.type === 'event') options.onEvent?.(line)
      if (line.type === 'hello') options.onHello?.()
    }
  })
  const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []]
  child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk))
  child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk))
  const exit = await new Promise<number | string>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve(code ?? signal ?? 'unknown'))
  })
  options.signal?.removeEventListener('abort', abort)
  if (pending !== '') throw new Error(`The core ended within a line: ${pending}`)
  return {
    hello: lines.find((line) => line['type'] === 'hello'),
    events: lines.filter((line) => line['type'] === 'event'),
    result: lines.find((line) => line['type'] === 'result'),
    error: lines.find((line) => line['type'] === 'error') as PlanFailure | undefined,
    exit,
    stdout: Buffer.concat(stdout),
    stderr: Buffer.concat(stderr).toString(),
  }
}

/** Runs a plan that must succeed and returns its result. */
export async function planResult(plan: Plan, options: PlanOptions = {}): Promise<Readonly<Record<string, unknown>>> {
  const answer = await runPlan(plan, options)
  if (answer.result && answer.exit === 0) return answer.result
  throw new Error(`${plan.verb} failed (exit ${answer.exit}): ${JSON.stringify(answer.error)} ${answer.stderr}`)
}

/** Runs a plan that must fail and returns the error. */
export async function planError(plan: Plan | string, options: PlanOptions = {}): Promise<PlanFailure> {
  const answer = await runPlan(plan, options)
  if (answer.error && !answer.result) return answer.error
  throw new Error(`The plan did not fail (exit ${answer.exit}): ${JSON.stringify(answer.result)} ${answer.stderr}`)
}
