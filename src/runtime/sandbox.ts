import type { Readable, Writable } from 'node:stream'
import { statSync } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { TsbuildError, hasErrno } from '../base/errors.ts'
import { signalName } from '../base/signals.ts'
import type { LayerFacts, NativeCore, Stdio, Tree } from '../host/native.ts'
import type { NetworkPlan } from '../network/network-plan.ts'
import { sortByDepth } from './mount-spec.ts'
import { runtimeConfig } from './runtime-config.ts'
import type { RuntimeSpec } from './runtime-config.ts'

/** What a process sees and may do: the one description for RUN steps and containers, turned into an OCI runtime config. */
export interface ProcessSpec {
  readonly args: readonly string[]
  /** `NAME=value`. HOME is added from the root's passwd where it is missing. */
  readonly env: readonly string[]
  readonly cwd: string
  /** `user[:group]` by name or number, resolved inside the root; empty means root. */
  readonly user: string
  /** Further groups by name or number. */
  readonly groups?: readonly string[]
  readonly tty?: boolean
}

export interface SandboxRequest extends Omit<RuntimeSpec, 'network' | 'networkPath'> {
  readonly rootfs: Tree
  readonly network: NetworkPlan
  /** Trees shown inside, such as the stage that a `RUN --mount=from=` names. */
  readonly trees?: readonly TreeMount[]
  /** Files of the host shown at their usual places; the places vanish again before the commit. */
  readonly etc?: EtcFiles
  readonly runtime?: RuntimeChoice
  readonly timeoutMs?: number
  /** Makes a layer of what the process changed. The result carries it only when the exit code is 0. */
  readonly commit?: { readonly clampMtime: number | null }
}

/** Files on the host that become /etc/hosts, /etc/resolv.conf and /etc/hostname. */
export interface EtcFiles {
  readonly hosts?: string
  readonly resolvConf?: string
  readonly hostname?: string
}

/** `builtin` is the core itself; else an OCI runtime such as crun or runc. */
export type RuntimeChoice =
  | { readonly kind: 'builtin' }
  | { readonly kind: 'path'; readonly path: string; readonly root: string }

export interface SandboxResult {
  readonly exitCode: number
  /** Name such as SIGKILL when a signal ended the process. */
  readonly signal: string | null
  readonly oomKilled: boolean
  readonly timedOut: boolean
  readonly usage: { readonly cpuUs: number; readonly memoryPeak: number }
  readonly layer: LayerFacts | null
}

export interface SandboxIo {
  readonly stdin: Readable | 'none' | 'inherit'
  readonly stdout: Writable | 'inherit' | ((chunk: Uint8Array) => void)
  readonly stderr: Writable | 'inherit' | ((chunk: Uint8Array) => void)
}

/** A file tree seen inside the sandbox below `target`. */
export interface TreeMount {
  readonly tree: Tree
  readonly source: string
  readonly target: string
  readonly readonly: boolean
  /** A cache: who uses it must expect that it is empty. */
  readonly optional?: boolean
}

/**
 * Runs one process on a tree and waits for it. It dies with the caller, and an abort kills everything that it started.
 * A process that fails is a result, not an error. Errors: EXEC_NOT_FOUND, EXEC_DENIED, USER_UNKNOWN, MOUNT_FAILED, NETWORK_FAILED,
 * CGROUP_FAILED, FEATURE_MISSING, CANCELLED, NATIVE_*; USAGE for a capability that does not exist.
 */
export async function runSandbox(
  native: NativeCore,
  request: SandboxRequest,
  io: SandboxIo,
  signal: AbortSignal,
): Promise<SandboxResult> {
  const running = native.start('sandbox', sandboxPlan(request), {
    signal,
    stdio: [stdinOf(io.stdin), outputOf(io.stdout), outputOf(io.stderr)],
  })
  // Steps come one after the other; what a person types in is no step.
  if (io.stdin === 'none') native.prepare('sandbox', ['ignore', 'pipe', 'pipe'])
  const ended = new AbortController()
  const [result] = await Promise.all([
    running.result.finally(() => ended.abort()),
    feed(io.stdin, running.stdin, ended.signal),
    drain(running.stdout, io.stdout),
    drain(running.stderr, io.stderr),
  ])
  return sandboxResult(result)
}

/** The members of a `sandbox` plan. */
export function sandboxPlan(request: SandboxRequest): Readonly<Record<string, unknown>> {
  const etc = etcMounts(request.etc ?? {})
  const files = request.isolation === 'chroot' ? placedFiles(request, etc) : undefined
  const config = runtimeConfig({
    ...request,
    network: request.network.mode,
    ...(request.network.mode === 'path' ? { networkPath: request.network.path } : {}),
    mounts: [...etc, ...(request.mounts ?? [])],
  })
  return {
    id: request.id,
    rootfs: request.rootfs,
    config,
    user: { name: request.process.user, groups: request.process.groups ?? [] },
    network: request.network,
    trees: files === undefined ? plannedTrees(request.trees ?? [], config.mounts) : [],
    transient: files === undefined ? etc.map((mount) => mount.target) : [],
    ...(files === undefined ? {} : { files }),
    runtime: request.runtime ?? { kind: 'builtin' },
    timeoutMs: request.timeoutMs ?? null,
    commit: request.commit ?? null,
  }
}

/**
 * Where nothing can be mounted files and trees are copied to their places and taken away again; a tmpfs is an empty directory, and so is what may be empty at any time. Nothing else
 * can be shown. FEATURE_MISSING.
 */
function placedFiles(
  { trees = [], mounts = [], network }: SandboxRequest,
  etc: readonly EtcMount[],
): readonly object[] {
  if (network.mode !== 'host') throw notInChroot(`have a network other than the host's`)
  const directories = trees.map(({ tree, source, target, optional }) =>
    optional === true ? { target, mode: 0o755 } : { target, mode: 0o755, copy: copyOf(tree, source, target) },
  )
  const files = [...etc, ...mounts].map((mount) => {
    const { target } = mount
    if (mount.kind === 'tmpfs') return { target, mode: 0o1777 }
    if (!mount.readonly && !etc.some((one) => one === mount)) throw notInChroot(`mount anything on "${target}"`)
    return { source: mount.source, target, mode: statSync(mount.source).mode & 0o777 }
  })
  return sortByDepth([...directories, ...files])
}

/** The action that copies what a mount would show. */
function copyOf(from: Tree, source: string, dest: string): object {
  return { op: 'copy', from, ignore: null, owners: 'keep', sources: [{ path: source.replace(/^\/+|\/+$/g, '') }], dest }
}

function notInChroot(what: string): TsbuildError {
  return new TsbuildError('FEATURE_MISSING', `Cannot ${what} with --isolation=chroot`, {
    hint: 'Leave the flag out where namespaces can be made; "tsbuild doctor" tells what that needs',
  })
}

/** Trees as a plan has them: each is mounted before the first mount that lies below its target, which it would hide otherwise. */
export function plannedTrees(
  trees: readonly TreeMount[],
  mounts: readonly { readonly destination: string }[],
): readonly (TreeMount & { readonly before?: number })[] {
  return sortByDepth(trees).map(({ optional: _optional, ...tree }) => {
    const below = `${tree.target.replace(/\/+$/, '')}/`
    const before = mounts.findIndex(({ destination }) => destination.startsWith(below))
    return before < 0 ? tree : { ...tree, before }
  })
}

/** Bind mounts that show the given files at their usual places. */
export function etcMounts(files: EtcFiles): readonly EtcMount[] {
  const places: readonly (readonly [string, string | undefined])[] = [
    ['/etc/resolv.conf', files.resolvConf],
    ['/etc/hostname', files.hostname],
    ['/etc/hosts', files.hosts],
  ]
  return places.flatMap(([target, source]): EtcMount[] =>
    source === undefined ? [] : [{ kind: 'bind', source, target, readonly: false, recursive: 'disabled' }],
  )
}

interface EtcMount {
  readonly kind: 'bind'
  readonly source: string
  readonly target: string
  readonly readonly: false
  readonly recursive: 'disabled'
}

function sandboxResult(answer: Readonly<Record<string, unknown>>): SandboxResult {
  const { exitCode, signal, oomKilled, timedOut, usage, layer } = answer
  if (typeof exitCode !== 'number') {
    throw new TsbuildError('NATIVE_PROTOCOL', 'Cannot read the result of a sandbox: it has no exit code')
  }
  const figures = (usage ?? {}) as { readonly cpuUs?: number; readonly memoryPeak?: number }
  return {
    exitCode,
    signal: typeof signal === 'number' && signal > 0 ? signalName(signal) : typeof signal === 'string' ? signal : null,
    oomKilled: oomKilled === true,
    timedOut: timedOut === true,
    usage: { cpuUs: figures.cpuUs ?? 0, memoryPeak: figures.memoryPeak ?? 0 },
    layer: (layer ?? null) as LayerFacts | null,
  }
}

function stdinOf(stdin: SandboxIo['stdin']): Stdio {
  if (stdin === 'none') return 'ignore'
  return stdin === 'inherit' ? 'inherit' : 'pipe'
}

function outputOf(output: SandboxIo['stdout']): Stdio {
  return output === 'inherit' ? 'inherit' : 'pipe'
}

/** A process may end, or close its input, before it has read everything: that is its right. */
async function feed(source: SandboxIo['stdin'], target: Writable | null, ended: AbortSignal): Promise<void> {
  if (target === null || typeof source === 'string') return
  try {
    await pipeline(source, target, { signal: ended })
  } catch (error) {
    const harmless = ['EPIPE', 'ECONNRESET', 'ERR_STREAM_PREMATURE_CLOSE', 'ERR_STREAM_DESTROYED', 'ABORT_ERR']
    if (!hasErrno(error, ...harmless)) throw error
  }
}

async function drain(source: Readable | null, target: SandboxIo['stdout']): Promise<void> {
  if (source === null || target === 'inherit') return
  if (typeof target !== 'function') return await pipeline(source, target, { end: false })
  for await (const chunk of source) target(chunk as Uint8Array)
}
