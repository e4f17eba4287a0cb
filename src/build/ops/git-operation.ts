import { rm } from 'node:fs/promises'
import type { NativeCore, Tree } from '../../host/native.ts'
import type { Snapshotter } from '../../snapshot/snapshotter.ts'
import type { Operation } from '../solver/operation.ts'
import { fact } from './facts.ts'
import { layerOf } from './files-operation.ts'
import type { GitRepositories } from './git-repositories.ts'
import type { GitOp } from './op.ts'

export interface GitServices {
  readonly native: NativeCore
  readonly snapshots: Snapshotter
  readonly git: GitRepositories
  readonly temporary: (name: string) => string
}

/** ADD of a git repository: the commit that the reference names now is the key; a full commit needs no look at the remote. */
export function gitOperation(op: GitOp, services: GitServices): Operation {
  const { native, snapshots, git } = services
  return {
    kind: op.kind,
    async cacheMap(signal) {
      const commit = await git.resolve(op, signal)
      return {
        facts: [
          fact('remote', op.remote),
          fact('commit', commit),
          fact('subdirectory', op.subdir),
          fact('keep .git', op.keepGitDir),
          fact('submodules', op.submodules),
          fact('times', op.mtime),
        ],
        inputs: [],
      }
    },
    async run(_inputs, { id, signal }) {
      const commit = await git.resolve(op, signal)
      const folder = services.temporary(`git-${id.slice(-16)}`)
      try {
        const { path } = await git.checkout(op, commit, folder, signal)
        await using active = await snapshots.prepare(null)
        const from: Tree = { kind: 'dir', path }
        const action = {
          op: 'copy',
          from,
          ignore: null,
          owners: 'root',
          sources: [{ path: '' }],
          exclude: null,
          parents: false,
          dest: '/',
          owner: null,
          chmod: null,
          archives: 'keep',
          manifest: null,
        }
        const answer = await native.call(
          'files',
          { target: active.tree, actions: [action], commit: { clampMtime: null } },
          { signal },
        )
        return await active.commit(layerOf(answer))
      } finally {
        await rm(folder, { recursive: true, force: true })
      }
    },
  }
}
