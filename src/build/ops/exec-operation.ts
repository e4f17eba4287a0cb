import { randomBytes } from 'node:crypto'
import { TsbuildError } from '../../base/errors.ts'
import { onFreeSubnet } from '../../network/free-subnet.ts'
import type { ActiveSnapshot, Snapshotter } from '../../snapshot/snapshotter.ts'
import { runSandbox } from '../../runtime/sandbox.ts'
import type { SandboxRequest, SandboxResult } from '../../runtime/sandbox.ts'
import type { CacheMap, InputUse, Operation, Result, RunContext } from '../solver/operation.ts'
import { requireEmulator } from './emulator.ts'
import { prepareMounts } from './exec-mounts.ts'
import type { MountServices, PreparedMounts } from './exec-mounts.ts'
import type { StepNetworks } from './step-network.ts'
import { baseUse, execFacts } from './facts.ts'
import { createMask } from './mask.ts'
import type { MaskedStream } from './mask.ts'
import type { BuildVertex, ExecOp } from './op.ts'
import type { StepLimits } from './step-limits.ts'
import { digestSelections } from './tree-digest.ts'

export interface ExecServices extends MountServices {
  readonly snapshots: Snapshotter
  /** GOARCH of the kernel. */
  readonly architecture: string
  /** Of the user namespace (`groupIds` of the settings). */
  readonly groupIds: number
  /** `NAME=value`: reach the process where it has no variable of that name, and are not part of the key. */
  readonly proxies: readonly string[]
  readonly limits: StepLimits
  readonly networks: StepNetworks
  /** Called with the failed step while its files are still there (`--on-error`). */
  readonly onFailure?: (failure: FailedStep, context: RunContext) => Promise<void>
}

export interface FailedStep {
  readonly op: ExecOp
  readonly active: ActiveSnapshot
  readonly result: SandboxResult
  /** Runs another program where the step ran, with its mounts and network, on the caller's terminal. */
  readonly enter: (args: readonly string[]) => Promise<SandboxResult>
}

/** RUN: a process in a sandbox on a writable layer over input 0; the layer is the result. */
export function execOperation(vertex: BuildVertex, op: ExecOp, services: ExecServices): Operation {
  return {
    kind: op.kind,
    cacheMap: async (): Promise<CacheMap> => ({ facts: execFacts(op), inputs: inputUses(vertex, op, services) }),
    run: (inputs, context) => run(op, inputs, services, context),
  }
}

/** The root counts as a whole; of what is mounted only the part that is shown. */
function inputUses(vertex: BuildVertex, op: ExecOp, { native, snapshots }: ExecServices): readonly InputUse[] {
  return vertex.inputs.map((input, index): InputUse => {
    if (index === 0) return baseUse(vertex)
    const mount = op.mounts.find((each) => 'input' in each && each.input === index)
    if (mount?.kind !== 'bind') return { name: `mount of ${input?.label.name ?? 'scratch'}` }
    const action = { sources: [{ path: mount.source, wildcard: false }], exclude: [], parents: false }
    return {
      name: `mount ${mount.target} of ${input?.label.name ?? 'scratch'}`,
      content: (result, signal) =>
        digestSelections({ native, snapshots, result, actions: [action], verb: 'mount', signal }),
    }
  })
}

async function run(
  op: ExecOp,
  inputs: readonly Result[],
  services: ExecServices,
  context: RunContext,
): Promise<Result> {
  const { signal } = context
  requireEmulator(op.platform, services.architecture)
  await using active = await services.snapshots.prepare(inputs[0]?.id ?? null)
  await using mounts = await prepareMounts(op, inputs, services, signal)
  return await onFreeSubnet(() => runOn(op, active, mounts, services, context), signal)
}

/** One try: the network is made for it. SUBNET_TAKEN before anything ran. */
async function runOn(
  op: ExecOp,
  active: ActiveSnapshot,
  mounts: PreparedMounts,
  services: ExecServices,
  context: RunContext,
): Promise<Result> {
  const { id, emit, signal } = context
  // Not by the vertex: another store may be at the same step, and cgroups are of the whole host.
  const name = `build-${randomBytes(12).toString('hex')}`
  await using network = await services.networks.connect({
    id: name,
    mode: services.limits.isolation === 'chroot' && op.network === 'default' ? 'host' : op.network,
    hosts: op.hosts,
    hostname: op.hostname,
  })
  const { limits, rlimits, shmSize, cgroupParent, timeoutMs, runtime, isolation } = services.limits
  const mask = createMask(mounts.secrets)
  const [stdout, stderr] = (['stdout', 'stderr'] as const).map((stream) =>
    mask((data) => emit({ kind: 'vertex-log', id, stream, data, at: Date.now() })),
  ) as [MaskedStream, MaskedStream]
  const request: SandboxRequest = {
    id: name,
    rootfs: active.tree,
    process: {
      args: op.args,
      env: [...environment(op, services.proxies), ...mounts.env],
      cwd: op.cwd,
      user: op.user,
    },
    architecture: services.architecture,
    groupIds: services.groupIds,
    network: network.plan,
    hostname: network.hostname,
    etc: network.etc,
    trees: mounts.trees,
    mounts: mounts.mounts,
    ...(op.security === 'insecure' ? { security: { privileged: true } } : {}),
    ...(mounts.devices.length === 0 ? {} : { devices: mounts.devices }),
    ...(limits === undefined ? {} : { limits }),
    ...(rlimits === undefined ? {} : { rlimits }),
    ...(shmSize === undefined ? {} : { shmSize }),
    ...(cgroupParent === undefined ? {} : { cgroupParent }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(runtime === undefined ? {} : { runtime }),
    ...(isolation === undefined ? {} : { isolation }),
  }
  const commit = { clampMtime: op.clamp ?? null }
  const io = { stdin: 'none', stdout: stdout.write, stderr: stderr.write } as const
  const result = await runSandbox(services.native, { ...request, commit }, io, signal)
  stdout.flush()
  stderr.flush()
  if (result.exitCode === 0 && !result.timedOut && result.layer !== null) return active.commit(result.layer)
  const enter = (args: readonly string[]): Promise<SandboxResult> => {
    const terminal = { stdin: 'inherit', stdout: 'inherit', stderr: 'inherit' } as const
    return runSandbox(services.native, { ...request, process: { ...request.process, args } }, terminal, signal)
  }
  await services.onFailure?.({ op, active, result, enter }, context)
  throw failure(op, result, services.limits)
}

/** The step's variables, proxies where it has none of their names. */
function environment({ env }: ExecOp, proxies: readonly string[]): readonly string[] {
  const names = new Set(env.map((entry) => entry.slice(0, entry.indexOf('='))))
  return [...env, ...proxies.filter((entry) => !names.has(entry.slice(0, entry.indexOf('='))))]
}

/** Names what ended the process: exit code, signal, memory, time. */
function failure({ args }: ExecOp, result: SandboxResult, limits: StepLimits): TsbuildError {
  const { exitCode, signal, oomKilled, timedOut } = result
  const command = args.join(' ')
  const shown = command.length > 200 ? `${command.slice(0, 200)}…` : command
  const details = { exitCode, signal, oomKilled, timedOut, command: args }
  if (timedOut) {
    const seconds = (limits.timeoutMs ?? 0) / 1000
    return new TsbuildError('RUN_FAILED', `Command "${shown}" was stopped after ${seconds} seconds`, {
      hint: 'The time a step may take is set by --step-timeout',
      details,
    })
  }
  if (oomKilled) {
    return new TsbuildError('RUN_FAILED', `Command "${shown}" ran out of memory (exit code ${exitCode})`, {
      hint: 'Give the step more memory with --memory, or let it do less at once',
      details,
    })
  }
  const how = signal === null ? `exit code ${exitCode}` : `signal ${signal} (exit code ${exitCode})`
  return new TsbuildError('RUN_FAILED', `Command "${shown}" failed: ${how}`, {
    ...(exitCode === 127 ? { hint: 'Exit code 127 means that a program was not found in the image' } : {}),
    ...(exitCode === 126 ? { hint: 'Exit code 126 means that a program is there but cannot be executed' } : {}),
    details,
  })
}
