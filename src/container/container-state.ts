import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { hasErrno } from '../base/errors.ts'

/** What a container does at the moment, as its monitor last wrote it to `state.json`. */
export interface ContainerState {
  readonly status: 'created' | 'running' | 'paused' | 'restarting' | 'exited'
  /** Of the init process on the host; 0 when none runs. */
  readonly pid: number
  /** RFC 3339 with nanoseconds; null when it has not happened. */
  readonly startedAt: string | null
  readonly finishedAt: string | null
  /** 128 + signal where a signal ended the process. */
  readonly exitCode: number
  /** That ended the process; null when none did. */
  readonly signal: number | null
  readonly oomKilled: boolean
  /** Why it could not start, or why the exit code is not known. */
  readonly error: string
  readonly restartCount: number
  readonly health: HealthState | null
  /** The last of what happened by itself, oldest first. */
  readonly recent: readonly Transition[]
}

export interface Transition {
  readonly action: 'start' | 'die' | 'oom' | 'health_status'
  readonly at: string
  /** Of `die`. */
  readonly exitCode?: number
  /** Of `health_status`. */
  readonly health?: HealthState['status']
}

export interface HealthState {
  readonly status: 'starting' | 'healthy' | 'unhealthy'
  readonly failingStreak: number
  readonly log: readonly HealthProbe[]
}

export interface HealthProbe {
  readonly start: string
  readonly end: string
  readonly exitCode: number
  readonly output: string
}

/** The state of a container whose monitor has never run. */
export const freshState: ContainerState = {
  status: 'created',
  pid: 0,
  startedAt: null,
  finishedAt: null,
  exitCode: 0,
  signal: null,
  oomKilled: false,
  error: '',
  restartCount: 0,
  health: null,
  recent: [],
}

/** Exit code that is told for a process whose end nobody saw. */
export const unknownExit = 255

const lostState: ContainerState = {
  ...freshState,
  status: 'exited',
  exitCode: unknownExit,
  error: 'the machine went down before the state of the container was on the disk; the exit code is not known',
}

export const stateFile = 'state.json'

/**
 * `created` when there is no file yet. It is only ever replaced whole, but not brought to the disk at once: what a power cut left of it says that
 * the container does not run any more.
 */
export function readState(directory: string): ContainerState {
  try {
    return parseState(readFileSync(join(directory, stateFile), 'utf8'))
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return freshState
    if (error instanceof SyntaxError) return lostState
    throw error
  }
}

/** True for states that need a living monitor. */
export function isLive(state: ContainerState): boolean {
  return state.status === 'running' || state.status === 'paused' || state.status === 'restarting'
}

function parseState(text: string): ContainerState {
  const given = JSON.parse(text) as { readonly [key in keyof ContainerState]?: ContainerState[key] | null }
  return {
    status: given.status ?? 'created',
    pid: given.pid ?? 0,
    startedAt: given.startedAt ?? null,
    finishedAt: given.finishedAt ?? null,
    exitCode: given.exitCode ?? 0,
    signal: given.signal ?? null,
    oomKilled: given.oomKilled ?? false,
    error: given.error ?? '',
    restartCount: given.restartCount ?? 0,
    health: given.health ?? null,
    recent: given.recent ?? [],
  }
}
