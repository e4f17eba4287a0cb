import { mkdirSync, mkdtempSync, readFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { connectMonitor, type MonitorClient, type MonitorHandlers } from '../../src/container/monitor-client.ts'
import { testCore } from './core.ts'
import { runPlan, type PlanAnswer, type PlanOptions } from './native-plan.ts'
import { ociConfig, until, type Config, type Scratch } from './runtime-bundle.ts'

/** What `state.json` says. */
export interface MonitorState {
  readonly status: string
  readonly pid: number
  readonly startedAt: string | null
  readonly finishedAt: string | null
  readonly exitCode: number
  readonly signal: number | null
  readonly oomKilled: boolean
  readonly error: string
  readonly restartCount: number
  readonly health: {
    readonly status: string
    readonly failingStreak: number
    readonly log: readonly { readonly exitCode: number; readonly output: string }[]
  } | null
}

export interface LogLine {
  readonly log: string
  readonly stream: 'stdout' | 'stderr'
  readonly time: string
}

export interface MonitoredOptions {
  readonly config?: Config
  /** Members of the plan that differ from the helper's. */
  readonly plan?: Readonly<Record<string, unknown>>
  readonly options?: PlanOptions
}

/** One container under its monitor, in a scratch directory. */
export class Monitored {
  readonly id: string
  readonly dir: string
  readonly runDir: string
  readonly #scratch: Scratch

  constructor(own: Scratch, id: string) {
    this.#scratch = own
    this.id = id
    this.dir = join(own.path, 'containers', id)
    this.runDir = join(own.path, 'run', id)
    for (const path of [this.dir, this.runDir, join(own.path, 'layers')]) mkdirSync(path, { recursive: true })
  }

  /** Starts `args` and gives the answer of the plan. */
  start(
    args: readonly string[],
    { config = ociConfig(args), plan = {}, options = {} }: MonitoredOptions = {},
  ): Promise<PlanAnswer> {
    const layer = (): string => mkdtempSync(join(this.#scratch.path, 'layers', 'x-'))
    return runPlan(
      {
        verb: 'monitor',
        id: this.id,
        name: `name-of-${this.id}`,
        dir: this.dir,
        runDir: this.runDir,
        rootfs: { kind: 'layers', lower: [this.#scratch.root], upper: layer(), work: layer(), volatile: true },
        config,
        network: { mode: 'none' },
        log: { driver: 'json-file', path: this.logPath, maxSize: 10_485_760, maxFiles: 3 },
        ...plan,
      },
      options,
    )
  }

  get logPath(): string {
    return join(this.dir, 'container.log')
  }

  state(): MonitorState {
    return JSON.parse(readFileSync(join(this.dir, 'state.json'), 'utf8')) as MonitorState
  }

  /** Lines of the log and its rotated predecessors, oldest first. */
  log(): readonly LogLine[] {
    const files = [this.logPath]
    for (let number = 1; existsSync(`${this.logPath}.${number}`); number += 1)
      files.unshift(`${this.logPath}.${number}`)
    return files.flatMap((file) =>
      readFileSync(file, 'utf8')
        .split('\n')
        .slice(0, -1) // what is being written
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as LogLine),
    )
  }

  /** What was logged, as one text. */
  output(stream?: 'stdout' | 'stderr'): string {
    return this.log()
      .filter((line) => stream === undefined || line.stream === stream)
      .map(({ log }) => log)
      .join('')
  }

  async connect(handlers: MonitorHandlers = {}): Promise<MonitorClient> {
    const client = await connectMonitor(this.runDir, handlers)
    if (client === undefined) throw new Error(`No monitor serves ${this.id}`)
    return client
  }

  /** One request on a connection of its own. */
  async ask(
    request: { readonly op: string } & Readonly<Record<string, unknown>>,
  ): Promise<Readonly<Record<string, unknown>>> {
    using client = await this.connect()
    return await client.ask(request)
  }

  /** Waits until the container is over and its monitor serves nobody. */
  ended(): Promise<void> {
    return until(
      () => !existsSync(join(this.runDir, 'control.sock')) && this.state().status !== 'running',
      `the end of ${this.id}`,
    )
  }

  /** Ends what a failed test may have left. */
  async dispose(): Promise<void> {
    const client = await connectMonitor(this.runDir)
    if (client === undefined) {
      // A monitor that was killed leaves the container to whoever comes next.
      const left = existsSync(join(this.runDir, 'oci'))
      if (left) await testCore().oci(['--root', this.runDir, 'delete', '--force', 'oci'])
      return
    }
    await client.ask({ op: 'stop', signal: 9, timeoutMs: 0 }).catch(() => undefined)
    client[Symbol.dispose]()
    await this.ended()
  }
}

/** What a client that is attached has seen. */
export interface Seen {
  stdout: string
  stderr: string
  exitCode: number | undefined
}

/** Handlers that collect into `Seen`. */
export function collector(): { readonly seen: Seen; readonly handlers: MonitorHandlers } {
  const seen: Seen = { stdout: '', stderr: '', exitCode: undefined }
  return {
    seen,
    handlers: {
      stdout: (chunk) => void (seen.stdout += Buffer.from(chunk).toString()),
      stderr: (chunk) => void (seen.stderr += Buffer.from(chunk).toString()),
      exit: (code) => void (seen.exitCode = code),
    },
  }
}
