import { TsbuildError, hasCode, hasErrno } from '../base/errors.ts'
import { processOutput } from '../base/process-output.ts'
import { containerCgroup } from './container-cgroup.ts'
import { readState } from './container-state.ts'
import { containerPids } from './container-pids.ts'
import type { Container } from './container-records.ts'
import type { Containers } from './containers.ts'
import { runningMonitor } from './stop.ts'

export interface ProcessTable {
  readonly titles: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

/**
 * The processes of a container, as the host's `ps` shows them with the given arguments (default `-ef`), docker's way.
 * CONTAINER_STOPPED; USAGE when the arguments leave the PID column out; FEATURE_MISSING without a `ps`.
 */
export async function containerTop(
  containers: Containers,
  container: Container,
  args: readonly string[],
): Promise<ProcessTable> {
  using _monitor = await runningMonitor(containers, container, 'top')
  const { pid } = readState(containers.directory(container.id))
  const pids = new Set(await containerPids(containerCgroup(container, pid), pid))
  const lines = (await runPs(args.length === 0 ? ['-ef'] : args)).trimEnd().split('\n')
  const titles = (lines[0] ?? '').trim().split(/\s+/)
  const at = titles.indexOf('PID')
  if (at < 0)
    throw new TsbuildError('USAGE', "Couldn't find PID field in ps output", { hint: 'Add pid to the columns' })
  const rows = lines.slice(1).map((line) => columns(line, titles.length))
  return { titles, rows: rows.filter((row) => pids.has(Number(row[at]))) }
}

/** The last column takes what is left, white space included: it is the command. */
function columns(line: string, count: number): readonly string[] {
  const words = line.trim().split(/\s+/)
  return [...words.slice(0, count - 1), words.slice(count - 1).join(' ')]
}

async function runPs(args: readonly string[]): Promise<string> {
  try {
    return await processOutput('ps', args)
  } catch (error) {
    if (!hasCode(error, 'PROCESS_FAILED')) throw error
    if (!hasErrno(error.cause, 'ENOENT')) throw new TsbuildError('USAGE', error.message, { cause: error })
    throw new TsbuildError('FEATURE_MISSING', 'Cannot list processes: the machine has no "ps"', {
      hint: 'Install the package procps',
      cause: error,
    })
  }
}
