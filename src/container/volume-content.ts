import { chmod, chown, readdir, rmdir } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { hasCode, hasErrno } from '../base/errors.ts'
import type { NativeCore, Tree } from '../host/native.ts'
import type { Containers } from './containers.ts'
import type { MountPoint } from './mount-point.ts'
import { directoryOf } from './mount-points.ts'
import { volumeSource } from '../volume/local-driver.ts'

/**
 * Fills the empty volumes of a new container with what the image has at their place, owners, modes and times kept, as docker does
 * at the first use of a volume. A place that is a directory of the image lends the volume its owner and mode too.
 */
export async function fillVolumes(containers: Containers, image: Tree, mounts: readonly MountPoint[]): Promise<void> {
  for (const mount of mounts) {
    if (mount.kind !== 'volume' || mount.subpath !== '' || mount.options.includes('nocopy')) continue
    // What is mounted for the container alone is not there yet.
    if (volumeSource(containers.volumes.get(mount.name)).kind === 'filesystem') continue
    using _claim = await containers.store.lease.claim(`volume:${mount.name}`)
    const source = directoryOf(mount, containers.volumes)
    if (await isEmpty(source)) await fill(containers, image, { source, target: mount.target })
  }
}

/** A directory that is missing is not: the start will say so. */
async function isEmpty(directory: string): Promise<boolean> {
  try {
    return (await readdir(directory)).length === 0
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return false
    throw error
  }
}

async function fill(containers: Containers, image: Tree, mount: Pick<MountPoint, 'source' | 'target'>): Promise<void> {
  const { native } = containers
  try {
    const found = await native.call('stat', { tree: image, path: mount.target, follow: true })
    const mode = found['mode']
    if (typeof mode !== 'number' || (mode & 0o170000) !== 0o040000) return
    const owner = { uid: Number(found['uid']), gid: Number(found['gid']) }
    // What is root's inside is ours outside already; to others only the user namespace can give it.
    const isOthers = containers.rootless && (owner.uid !== 0 || owner.gid !== 0)
    if (isOthers) await makeAnew(native, mount.source, mode, owner)
    await native.call('files', {
      target: { kind: 'dir', path: mount.source },
      actions: [
        {
          op: 'copy',
          from: image,
          ignore: null,
          owners: 'keep',
          sources: [{ path: mount.target }],
          exclude: null,
          parents: false,
          dest: '/',
          owner: null,
          chmod: null,
          archives: 'keep',
          manifest: null,
        },
      ],
      commit: null,
    })
    if (isOthers) return
    await chmod(mount.source, mode & 0o7777)
    if (!containers.rootless) await chown(mount.source, owner.uid, owner.gid)
  } catch (error) {
    if (!hasCode(error, 'PATH_MISSING', 'NOT_A_DIRECTORY')) throw error
  }
}

async function makeAnew(
  native: NativeCore,
  directory: string,
  mode: number,
  { uid, gid }: { readonly uid: number; readonly gid: number },
): Promise<void> {
  await rmdir(directory)
  const owner = { user: String(uid), group: String(gid) }
  await native.call('files', {
    target: { kind: 'dir', path: dirname(directory) },
    actions: [{ op: 'mkdir', path: `/${basename(directory)}`, mode: mode & 0o777, owner }],
    commit: null,
  })
}
