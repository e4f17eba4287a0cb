import { redact } from '../../base/redact.ts'
import type { NativeCore } from '../../host/native.ts'
import type { Snapshotter } from '../../snapshot/snapshotter.ts'
import type { Operation } from '../solver/operation.ts'
import { fact } from './facts.ts'
import { layerOf } from './files-operation.ts'
import type { HttpOp } from './op.ts'
import type { WebFiles } from './web-files.ts'

export interface HttpServices {
  readonly native: NativeCore
  readonly snapshots: Snapshotter
  readonly web: WebFiles
}

/**
 * ADD of a URL: one file with mode 0600 and the server's time. With a checksum the web is not asked when the file is known;
 * without one the server is asked whether it has changed.
 */
export function httpOperation(op: HttpOp, { native, snapshots, web }: HttpServices): Operation {
  return {
    kind: op.kind,
    async cacheMap(signal) {
      const named = [fact('name', op.name)]
      if (op.checksum !== undefined) return { facts: [...named, fact('checksum', op.checksum)], inputs: [] }
      const { digest, modified } = await web.look(op.url, signal)
      return {
        facts: [...named, fact(`content of ${redact(op.url)}`, digest), fact('time', modified ?? 0)],
        inputs: [],
      }
    },
    async run(_inputs, { signal }) {
      await using file = await web.fetch(op.url, op.checksum, signal)
      await using active = await snapshots.prepare(null)
      const action = {
        op: 'file',
        source: file.path,
        name: op.name,
        dest: '/',
        mode: 0o600,
        mtime: String((file.modified ?? 0) * 1_000_000),
        owner: null,
        chmod: null,
        archives: 'keep',
      }
      const answer = await native.call(
        'files',
        { target: active.tree, actions: [action], commit: { clampMtime: null } },
        { signal },
      )
      return await active.commit(layerOf(answer))
    },
  }
}
