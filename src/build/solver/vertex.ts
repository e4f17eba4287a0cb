import type { Range } from '@dockerfile/parser'
import { canonicalJson } from '../../base/canonical-json.ts'
import type { Json } from '../../base/canonical-json.ts'
import { sha256 } from '../../oci/digest.ts'
import type { Digest } from '../../oci/digest.ts'

/**
 * One step of a build, described completely before anything is done. `digest` names op and inputs: equal steps are one vertex.
 * What does not change the result (names, limits, proxies) is in `label` or outside, never in the digest.
 */
export interface Vertex<Op = unknown> {
  readonly digest: Digest
  readonly op: Op
  /** In the order that the op gives them meaning; null is the empty root. */
  readonly inputs: readonly (Vertex<Op> | null)[]
  readonly label: VertexLabel
}

export interface VertexLabel {
  /** For people: `[build 2/5] RUN make`. */
  readonly name: string
  /** Run it even when its result is known (`--no-cache`). */
  readonly ignoreCache: boolean
  /** Where the step is written in the Dockerfile. */
  readonly range?: Range
  /** What cannot be done when a file that it takes is missing; `copy` unless it is said. */
  readonly verb?: 'mount'
}

/** Makes a vertex; `op` must have a JSON form that holds everything that decides its result, apart from its inputs. */
export function makeVertex<Op extends object>(
  op: Op,
  inputs: readonly (Vertex<Op> | null)[],
  label: VertexLabel,
): Vertex<Op> {
  const description = { op: op as unknown as Json, inputs: inputs.map((input) => input?.digest ?? null) }
  return { digest: sha256(canonicalJson(description)), op, inputs, label }
}

/** Every vertex that the targets need, inputs before users. */
export function* walkVertices<Op>(
  targets: readonly (Vertex<Op> | null)[],
  seen: Set<Digest> = new Set(),
): Generator<Vertex<Op>> {
  for (const vertex of targets) {
    if (vertex === null || seen.has(vertex.digest)) continue
    seen.add(vertex.digest)
    yield* walkVertices(vertex.inputs, seen)
    yield vertex
  }
}
