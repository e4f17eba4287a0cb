import { lstat } from 'node:fs/promises'
import { makeDirectories } from '../base/make-directories.ts'
import { TsbuildError, hasErrno } from '../base/errors.ts'
import type { Tree } from '../host/native.ts'
import type { MountSpec } from '../runtime/mount-spec.ts'
import type { TreeMount } from '../runtime/sandbox.ts'
import { volumeSource, withAddress } from '../volume/local-driver.ts'
import type { MountRequest } from '../volume/mount-request.ts'
import type { VolumeService } from '../volume/volume-service.ts'
import type { SnapshotId } from '../snapshot/snapshotter.ts'
import type { MountPoint } from './mount-point.ts'

/** USAGE when two mounts go to the same place. */
export function checkTargets(requests: readonly MountRequest[]): void {
  const seen = new Set<string>()
  for (const { target } of requests) {
    if (seen.has(target))
      throw new TsbuildError('USAGE', `Duplicate mount point: ${target}`, { hint: 'Mount each place once' })
    seen.add(target)
  }
}

/**
 * Makes the volumes and bind directories that are asked for and tells where everything lies. Volumes are marked as used by the
 * container in the transaction that names them; `imageTop` unpacks an image to be mounted. MOUNT_SOURCE_MISSING for a bind source that
 * does not exist, VOLUME_* codes, IMAGE_NOT_FOUND.
 */
export async function resolveMounts(
  requests: readonly MountRequest[],
  volumes: VolumeService,
  container: string,
  imageTop: (name: string) => Promise<SnapshotId | null>,
): Promise<readonly MountPoint[]> {
  const points: MountPoint[] = []
  for (const request of requests) points.push(await resolveMount(request, volumes, container, imageTop))
  return points
}

const plain = {
  name: '',
  source: '',
  propagation: '',
  subpath: '',
  options: [],
  recursive: 'enabled',
  anonymous: false,
  snapshot: null,
} as const

async function resolveMount(
  request: MountRequest,
  volumes: VolumeService,
  container: string,
  imageTop: (name: string) => Promise<SnapshotId | null>,
): Promise<MountPoint> {
  const { target } = request
  switch (request.kind) {
    case 'bind':
      await checkSource(request.source, request.create)
      return {
        ...plain,
        kind: 'bind',
        source: request.source,
        target,
        readonly: request.readonly,
        propagation: request.propagation ?? 'rprivate',
        recursive: request.recursive ?? 'enabled',
      }
    case 'tmpfs':
      return { ...plain, kind: 'tmpfs', target, readonly: request.options.includes('ro'), options: request.options }
    case 'image':
      return {
        ...plain,
        kind: 'image',
        name: request.source,
        target,
        readonly: true,
        subpath: request.subpath ?? '',
        snapshot: await imageTop(request.source),
      }
    case 'volume': {
      const volume = volumes.createFor(container, {
        ...(request.name === null ? {} : { name: request.name }),
        ...(request.labels === undefined ? {} : { labels: request.labels }),
        ...(request.options === undefined ? {} : { options: request.options }),
      })
      return {
        ...plain,
        kind: 'volume',
        name: volume.name,
        source: volumes.mountpoint(volume.name),
        target,
        readonly: request.readonly,
        subpath: request.subpath ?? '',
        anonymous: volume.anonymous,
        options: request.nocopy ? ['nocopy'] : [],
      }
    }
  }
}

async function checkSource(source: string, create: boolean): Promise<void> {
  try {
    await lstat(source)
  } catch (error) {
    if (!hasErrno(error, 'ENOENT')) throw error
    if (create) {
      makeDirectories(source)
      return
    }
    throw new TsbuildError(
      'MOUNT_SOURCE_MISSING',
      `invalid mount config for type "bind": bind source path does not exist: ${source}`,
      {
        cause: error,
        hint: 'Make the directory first, or add bind-create-src to --mount',
      },
    )
  }
}

/** How the mount points of a container appear in a plan: mounts of the host, and trees that the core opens below their root. */
export interface PlannedMounts {
  readonly mounts: readonly MountSpec[]
  readonly trees: readonly TreeMount[]
}

/** `view` gives the read-only tree of a stack of layers, `shared` what other containers have mounted already. */
export async function planMounts(
  points: readonly MountPoint[],
  volumes: VolumeService,
  view: (top: SnapshotId | null) => TreeMount['tree'],
  shared: ReadonlyMap<string, TreeMount['tree']>,
): Promise<PlannedMounts> {
  const mounts: MountSpec[] = []
  const trees: TreeMount[] = []
  for (const point of points) {
    const { target, readonly, subpath } = point
    if (point.kind === 'image') {
      trees.push({ tree: view(point.snapshot), source: `/${subpath}`, target, readonly: true })
    } else if (point.kind === 'volume') {
      const tree = shared.get(point.name) ?? (await volumeTree(point, volumes))
      const isReadonly = readonly || isReadonlyBind(point, volumes)
      if (tree.kind === 'dir' && subpath === '')
        mounts.push({ kind: 'bind', source: tree.path, target, readonly: isReadonly })
      else trees.push({ tree, source: `/${subpath}`, target, readonly: isReadonly })
    } else mounts.push(mountSpec(point))
  }
  return { mounts, trees }
}

/** Where the files of a volume lie on the host. */
export function directoryOf(point: MountPoint, volumes: VolumeService): string {
  const source = volumeSource(volumes.get(point.name))
  return source.kind === 'bind' ? source.source : point.source
}

function isReadonlyBind(point: MountPoint, volumes: VolumeService): boolean {
  const source = volumeSource(volumes.get(point.name))
  return source.kind === 'bind' && source.readonly
}

async function volumeTree(point: MountPoint, volumes: VolumeService): Promise<Tree> {
  const source = volumeSource(volumes.get(point.name))
  if (source.kind !== 'filesystem') return { kind: 'dir', path: directoryOf(point, volumes) }
  return { kind: 'filesystem', type: source.type, source: source.device, options: await withAddress(source.options) }
}

function mountSpec({ kind, source, target, readonly, options, propagation, recursive }: MountPoint): MountSpec {
  if (kind === 'tmpfs') return { kind: 'tmpfs', target, options }
  const word = propagation as NonNullable<Extract<MountSpec, { kind: 'bind' }>['propagation']>
  return { kind: 'bind', source, target, readonly, propagation: word, recursive }
}
