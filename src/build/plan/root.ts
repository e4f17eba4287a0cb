import type { Range } from '@dockerfile/parser'
import type { BuildVertex, Op } from '../ops/op.ts'
import { makeVertex } from '../solver/vertex.ts'
import type { FileSource } from './stage-state.ts'

/** The step whose result holds the files: a context is copied, because its folder must be neither changed nor shown as it is. */
export function rootOf(source: FileSource, path: string, range: Range): BuildVertex | null {
  return source.kind === 'vertex' ? source.vertex : contextCopy(source.name, path, range)
}

/** A step that takes `path` of a context, with what is below it, to the same place of an empty root. */
function contextCopy(name: string, path: string, range: Range): BuildVertex {
  const op: Op = {
    kind: 'files',
    detached: false,
    actions: [
      {
        op: 'copy',
        from: { kind: 'context', name },
        sources: [{ path, wildcard: false }],
        exclude: [],
        parents: false,
        dest: path,
        owner: '',
        chmod: '',
        archives: 'keep',
      },
    ],
  }
  const label = `[internal] take ${path} from the build context`
  return makeVertex(op, [null], { name: label, ignoreCache: false, range, verb: 'mount' })
}
