import type { Stdio } from '../host/native.ts'
import { capabilitySet } from '../runtime/capabilities.ts'
import { processOf } from '../runtime/runtime-config.ts'
import { recordEvent } from './container-events.ts'
import type { Container } from './container-records.ts'
import type { Containers } from './containers.ts'
import { linkVariables } from './links.ts'
import { processEnv } from './monitor-plan.ts'
import { runningState } from './stop.ts'

export interface ExecRequest {
  readonly args: readonly string[]
  readonly tty: boolean
  /** The process goes on alone; it reads and writes nothing. */
  readonly detach: boolean
  /** Over the container's own variables. */
  readonly env: readonly string[]
  readonly user?: string
  readonly workdir?: string
  readonly privileged: boolean
  /** stdin, stdout, stderr of the process. With `tty` they are the caller's terminal. */
  readonly stdio: readonly [Stdio, Stdio, Stdio]
  readonly signal: AbortSignal
}

/**
 * Runs one more process in a container and gives its exit code (0 when detached). CONTAINER_STOPPED, CONTAINER_CONFLICT for a paused one,
 * EXEC_NOT_FOUND, EXEC_DENIED, USER_UNKNOWN.
 */
export async function execIn(containers: Containers, container: Container, request: ExecRequest): Promise<number> {
  const { pid } = await runningState(containers, container, 'exec in')
  const { process: program, security } = container.spec
  const { args, tty, privileged } = request
  const own = processEnv({ ...container.spec, process: { ...program, tty } }, linkVariables(containers, container))
  const capabilities = capabilitySet({ privileged: true })
  const command = args.join(' ')
  recordEvent(containers, container, `exec_create: ${command}`)
  const answer = await containers.native.call(
    'exec',
    {
      runDir: containers.runDirectory(container.id),
      pid,
      process: {
        ...processOf({ args, env: merged(own, request.env), cwd: request.workdir ?? program.workdir, user: '', tty }),
        ...(privileged || security.privileged
          ? { capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities } }
          : {}),
        noNewPrivileges: security.noNewPrivileges,
      },
      user: { name: request.user ?? program.user, groups: request.user === undefined ? program.groups : [] },
      tty,
      detach: request.detach,
    },
    {
      stdio: request.detach ? ['ignore', 'ignore', 'ignore'] : request.stdio,
      signal: request.signal,
      onEvent: (event) => {
        if (event['kind'] === 'started') recordEvent(containers, container, `exec_start: ${command}`)
      },
    },
  )
  const exitCode = Number(answer['exitCode'] ?? 0)
  if (!request.detach) recordEvent(containers, container, 'exec_die', { exitCode: String(exitCode) })
  return exitCode
}

function merged(own: readonly string[], over: readonly string[]): readonly string[] {
  const names = new Map([...own, ...over].map((entry) => [entry.split('=', 1)[0] ?? '', entry]))
  return [...names.values()]
}
