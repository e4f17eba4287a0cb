import { chmod, chown, readdir } from 'node:fs/promises'
import { hasCode } from '../base/errors.ts'
import type { Tree } from '../host/native.ts'
import type { Containers } from './containers.ts'
import type { MountPoint } from './mount-point.ts'

/**
 * Fills the empty volumes of a new container with what the image has at their place, owners, modes and times kept, as docker does
 * at the first use of a volume. A place that is a directory of the image lends the volume its owner and mode too.
 */
export async function fillVolumes(containers: Containers, image: Tree, mounts: readonly MountPoint[]): Promise<void> {
  for (const mount of mounts) {
    if (mount.kind !== 'volume' || mount.subpath !== '' || mount.options.includes('nocopy')) continue
    if (Object.keys(containers.volumes.get(mount.name).options).length > 0) continue
    using _claim = await containers.store.lease.claim(`volume:${mount.name}`)
    if ((await readdir(mount.source)).length === 0) await fill(containers, image, mount)
  }
}

async function fill(containers: Containers, image: Tree, mount: MountPoint): Promise<void> {
  const { native } = containers
  try {
    const found = await native.call('stat', { tree: image, path: mount.target, follow: true })
    const mode = found['mode']
    if (typeof mode !== 'number' || (mode & 0o170000) !== 0o040000) return
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
    await chmod(mount.source, mode & 0o7777)
    if (typeof found['uid'] === 'number' && typeof found['gid'] === 'number') {
      await chown(mount.source, found['uid'], found['gid'])
    }
  } catch (error) {
    if (!hasCode(error, 'PATH_MISSING', 'NOT_A_DIRECTORY')) throw error
  }
}
