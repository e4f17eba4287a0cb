import { chainId } from '../../oci/digest.ts'
import type { ChainId } from '../../oci/digest.ts'
import type { Descriptor } from '../../oci/types.ts'
import type { CacheHit, CacheRecord } from '../solver/cache.ts'
import type { CacheRecords } from '../solver/cache-records.ts'
import { identityOf } from '../solver/operation.ts'
import type { Result, RunContext } from '../solver/operation.ts'
import type { CacheDocument, CachedLayer, CachedStep } from './cache-document.ts'

/** A cache that came from elsewhere, and the way to its layers. */
export interface ImportedCache {
  /** For people: the reference or folder. */
  readonly title: string
  readonly document: CacheDocument
  /** Brings a stack (base first) into the store and gives its top. */
  readonly unpack: (layers: readonly Required<CachedLayer>[], context: RunContext) => Promise<Result>
  /** Brings one blob into the store and gives the path of its file. */
  readonly fetch: (blob: Descriptor, signal: AbortSignal) => Promise<string>
}

interface Candidate {
  readonly cache: ImportedCache
  readonly step: CachedStep
  /** All layers of its result can be had. */
  readonly files: boolean
}

/**
 * The store's cache with others behind it. What the store knows and has comes first; what only another cache knows is used and
 * remembered here, and its layers are fetched when a step needs them.
 */
export function withImports(local: CacheRecords, imports: readonly ImportedCache[]): CacheRecords {
  const byKey = new Map<string, Candidate>()
  for (const cache of imports) {
    for (const step of cache.document.steps) {
      const files = stackOf(cache.document.layers, step.layer).every(({ blob }) => blob !== undefined)
      for (const key of [step.definitionKey, step.contentKey]) {
        const known = key === undefined ? undefined : byKey.get(key)
        // The first that is named wins, but knowledge alone does not hide the files that another has.
        if (key !== undefined && (known === undefined || (files && !known.files)))
          byKey.set(key, { cache, step, files })
      }
    }
  }
  return {
    ...local,
    find(key) {
      const here = local.find(key)
      if (here !== undefined && here.result() !== undefined) return here
      const candidate = byKey.get(key)
      if (candidate === undefined) return here
      const hit = importedHit(local, candidate.cache, candidate.step)
      local.learn(hit)
      return hit
    },
    alias: (hit, definitionKey) =>
      hit.fetch === undefined ? local.alias(hit, definitionKey) : { ...hit, definitionKey },
  }
}

/** Path of the tar of a cache mount, from the first cache that has it. */
export async function importedMount(
  imports: readonly ImportedCache[],
  key: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  for (const { document, fetch } of imports) {
    const mount = document.mounts.find(({ id }) => id === key)
    if (mount !== undefined) return fetch(mount.blob, signal)
  }
  return undefined
}

function importedHit(local: CacheRecords, cache: ImportedCache, step: CachedStep): CacheHit {
  const stack = stackOf(cache.document.layers, step.layer)
  const identity = stack.reduce<ChainId | null>((below, { diffId }) => chainId(below, diffId), null) ?? identityOf(null)
  const { definitionKey, contentKey, kind, name, facts, inputs, createdAt } = step
  const record: CacheRecord = {
    definitionKey,
    ...(contentKey === undefined ? {} : { contentKey }),
    kind,
    name,
    facts,
    inputs,
    identity,
    createdAt,
  }
  const complete = stack.filter((layer): layer is Required<CachedLayer> => layer.blob !== undefined)
  const fetch = async (context: RunContext): Promise<Result> => {
    const result = await cache.unpack(complete, context)
    local.save(record, result)
    return result
  }
  return {
    ...record,
    result: () => (identity === identityOf(null) ? null : local.byIdentity(identity)),
    ...(complete.length === stack.length && stack.length > 0 ? { fetch } : {}),
  }
}

/** The layers from the base up to `top`. */
function stackOf(layers: readonly CachedLayer[], top: number): readonly CachedLayer[] {
  const stack: CachedLayer[] = []
  for (let at = top; at >= 0; at = layers[at]?.parent ?? -1) {
    const layer = layers[at]
    if (layer !== undefined) stack.unshift(layer)
  }
  return stack
}
