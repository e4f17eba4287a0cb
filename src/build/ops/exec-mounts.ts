import type { NativeCore } from '../../host/native.ts'
import type { DeviceSpec } from '../../runtime/devices.ts'
import type { MountSpec } from '../../runtime/mount-spec.ts'
import type { TreeMount } from '../../runtime/sandbox.ts'
import type { Snapshotter } from '../../snapshot/snapshotter.ts'
import { identityOf } from '../solver/operation.ts'
import type { Result } from '../solver/operation.ts'
import { cacheKey } from './cache-mounts.ts'
import type { CacheMountRequest, CacheMounts, OpenCacheMount } from './cache-mounts.ts'
import type { ExecMount, ExecOp } from './op.ts'
import type { Secrets } from './secrets.ts'
import type { SshAgents } from './ssh-agents.ts'

export interface MountServices {
  readonly native: NativeCore
  readonly snapshots: Snapshotter
  readonly caches: CacheMounts
  readonly secrets: Secrets
  readonly agents: SshAgents
  /** Device nodes of a CDI name. */
  readonly devices: (name: string, required: boolean) => readonly DeviceSpec[]
}

/** What a step's mounts are made of; all is given back when disposed. */
export interface PreparedMounts extends AsyncDisposable {
  readonly trees: readonly TreeMount[]
  readonly mounts: readonly MountSpec[]
  /** Variables that come from secrets. */
  readonly env: readonly string[]
  readonly devices: readonly DeviceSpec[]
  /** Values that must not show up in the output. */
  readonly secrets: readonly Uint8Array[]
}

/** Makes ready what the mounts of a step need: sources, caches, secret files, agent sockets. SECRET_MISSING for a required one. */
export async function prepareMounts(
  op: ExecOp,
  inputs: readonly Result[],
  services: MountServices,
  signal: AbortSignal,
): Promise<PreparedMounts> {
  await using stack = new AsyncDisposableStack()
  const trees: TreeMount[] = []
  const mounts: MountSpec[] = []
  const env: string[] = []
  const secrets: Uint8Array[] = []
  const caches = await openCaches(op, inputs, services, stack, signal)
  for (const mount of op.mounts) await prepareMount(mount)
  const devices = op.devices.flatMap(({ name, required }) => services.devices(name, required))
  const owned = stack.move()
  return { trees, mounts, env, devices, secrets, [Symbol.asyncDispose]: () => owned.disposeAsync() }

  async function prepareMount(mount: ExecMount): Promise<void> {
    switch (mount.kind) {
      case 'bind': {
        const { source, target, readonly } = mount
        const id = inputs[mount.input]?.id ?? null
        // What a step writes into a mount that is not read-only is thrown away with this layer.
        const tree = readonly ? services.snapshots.view(id) : stack.use(await services.snapshots.prepare(id)).tree
        trees.push({ tree, source, target, readonly })
        return
      }
      case 'cache': {
        const { source, target, readonly } = mount
        trees.push({ tree: caches(mount).tree, source, target, readonly, optional: true })
        return
      }
      case 'tmpfs': {
        const size = mount.size === 0 ? [] : [`size=${mount.size}`]
        mounts.push({ kind: 'tmpfs', target: mount.target, options: ['exec', 'dev', 'mode=1777', ...size] })
        return
      }
      case 'secret': {
        const value = await services.secrets.read(mount.id, mount.required)
        if (value === undefined) return
        secrets.push(value)
        if (mount.env !== undefined) env.push(`${mount.env}=${Buffer.from(value).toString('utf8')}`)
        if (mount.target === undefined) return
        const file = stack.use(await services.secrets.file(value, mount))
        mounts.push({ kind: 'bind', source: file.path, target: mount.target, readonly: true })
        return
      }
      case 'ssh': {
        const agent = await services.agents.open(mount.id, mount)
        if (agent === undefined) return
        const socket = stack.use(agent)
        if (!env.some((entry) => entry.startsWith('SSH_AUTH_SOCK='))) env.push(`SSH_AUTH_SOCK=${mount.target}`)
        mounts.push({ kind: 'bind', source: socket.path, target: mount.target, readonly: false })
        return
      }
    }
  }
}

type CacheMount = Extract<ExecMount, { readonly kind: 'cache' }>

/**
 * Opens the caches of a step. One that is mounted twice is one, whatever its sharing; all are taken in the same order by every
 * step, so that two steps with several locked ones do not wait for each other.
 */
async function openCaches(
  op: ExecOp,
  inputs: readonly Result[],
  { caches, snapshots }: MountServices,
  stack: AsyncDisposableStack,
  signal: AbortSignal,
): Promise<(mount: CacheMount) => OpenCacheMount> {
  const requestOf = (mount: CacheMount): CacheMountRequest => {
    if (mount.input === undefined) return mount
    const result = inputs[mount.input] ?? null
    return { ...mount, from: { tree: snapshots.view(result?.id ?? null), identity: identityOf(result) } }
  }
  const requests = op.mounts.flatMap((mount) => (mount.kind === 'cache' ? [requestOf(mount)] : []))
  const opened = new Map<string, OpenCacheMount>()
  for (const request of requests.toSorted((a, b) => (cacheKey(a) < cacheKey(b) ? -1 : 1))) {
    const key = cacheKey(request)
    if (!opened.has(key)) opened.set(key, stack.use(await caches.open(request, signal)))
  }
  return (mount) => opened.get(cacheKey(requestOf(mount)))!
}
