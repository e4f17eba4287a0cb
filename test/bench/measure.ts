import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'

export interface Measured {
  /** Milliseconds of wall clock, sorted. */
  readonly times: readonly number[]
  /** Milliseconds of processor time of the command and all that it waited for, sorted; by the kernel's ticks of 10 ms. */
  readonly cpu: readonly number[]
  /** Most memory that the first process held, in bytes, over all rounds; 0 when it ended before it could be read. */
  readonly peak: number
}

export interface MeasureOptions {
  readonly rounds: number
  readonly env?: Readonly<Record<string, string>>
  /** Runs before each round, untimed. */
  readonly before?: () => Promise<void> | void
}

const pollPause = 15

/** Runs a command several times. Throws with its output when it fails: a figure of a failed command is no figure. */
export async function measure(command: readonly string[], options: MeasureOptions): Promise<Measured> {
  const times: number[] = []
  const cpu: number[] = []
  let peak = 0
  for (let round = 0; round < options.rounds; round++) {
    await options.before?.()
    const cpuBefore = childrenCpu()
    const startedAt = performance.now()
    peak = Math.max(peak, await runOnce(command, options.env ?? {}))
    times.push(performance.now() - startedAt)
    cpu.push(childrenCpu() - cpuBefore)
  }
  return { times: times.toSorted((a, b) => a - b), cpu: cpu.toSorted((a, b) => a - b), peak }
}

async function runOnce([program, ...args]: readonly string[], env: Readonly<Record<string, string>>): Promise<number> {
  const child = spawn(program!, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  const output: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => output.push(chunk))
  let peak = 0
  const poll = setInterval(() => (peak = Math.max(peak, highWater(child.pid))), pollPause)
  const [status] = (await once(child, 'close')) as [number | null]
  clearInterval(poll)
  if (status !== 0)
    throw new Error(`${program} ${args.join(' ')} ended with ${status}:\n${Buffer.concat(output).toString()}`)
  return peak
}

function highWater(pid: number | undefined): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024
  } catch {
    return 0
  }
}

/** Milliseconds that children of this process had, as far as they have ended (proc(5), cutime and cstime). */
function childrenCpu(): number {
  const fields = readFileSync('/proc/self/stat', 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
  return (Number(fields[13]) + Number(fields[14])) * 10
}

export function median({ times }: Pick<Measured, 'times'>): number {
  return times[Math.floor(times.length / 2)]!
}
