import { TsbuildError } from '../../base/errors.ts'
import { isDigest } from '../../oci/digest.ts'
import type { Digest } from '../../oci/digest.ts'
import type { Descriptor } from '../../oci/types.ts'
import type { RecordedInput } from '../solver/cache.ts'
import type { Fact } from '../solver/operation.ts'

/** Config type of a cache manifest. Its layers are ordinary image layers, so that every registry keeps them. */
export const cacheConfigType = 'application/vnd.tsbuild.cache.config.v1+json'

/** Member of an image's config that carries its own cache (`type=inline`), base64 of the document. */
export const inlineMember = 'vnd.tsbuild.cache.v1'

/** What is known of earlier steps, with the layers that they made. The same document serves all kinds of caches. */
export interface CacheDocument {
  readonly version: 1
  /** Parents before children. */
  readonly layers: readonly CachedLayer[]
  readonly steps: readonly CachedStep[]
  readonly mounts: readonly CachedMount[]
}

export interface CachedLayer {
  readonly diffId: Digest
  /** Index of the layer below; -1 for a base layer. */
  readonly parent: number
  /** Absent: only the knowledge was exported, not the files (`mode=min`). */
  readonly blob?: Descriptor
}

export interface CachedStep {
  readonly definitionKey: string
  readonly contentKey?: string
  readonly kind: string
  readonly name: string
  readonly facts: readonly Fact[]
  readonly inputs: readonly RecordedInput[]
  /** Index of its top layer; -1 for the empty root. */
  readonly layer: number
  readonly createdAt: number
}

/** A cache mount as one tar. */
export interface CachedMount {
  readonly id: string
  readonly diffId: Digest
  readonly blob: Descriptor
}

/** Reads a document. ARCHIVE_INVALID when it is none; whoever wrote it is not trusted. */
export function parseCacheDocument(bytes: Uint8Array): CacheDocument {
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch (error) {
    throw invalid('it is not JSON', error)
  }
  const { version, layers, steps, mounts } = objectOf(value)
  if (version !== 1) throw invalid(`its version is ${String(version)}`)
  const parsedLayers = listOf(layers).map(parseLayer)
  return {
    version,
    layers: parsedLayers,
    steps: listOf(steps).map((step) => parseStep(step, parsedLayers.length)),
    mounts: listOf(mounts ?? []).map(parseMount),
  }
}

function parseLayer(value: unknown, at: number): CachedLayer {
  const { diffId, parent, blob } = objectOf(value)
  if (typeof parent !== 'number' || !Number.isInteger(parent) || parent < -1 || parent >= at)
    throw invalid('a layer stands on none before it')
  return { diffId: digestOf(diffId), parent, ...(blob === undefined ? {} : { blob: parseBlob(blob) }) }
}

function parseStep(value: unknown, layerCount: number): CachedStep {
  const { definitionKey, contentKey, kind, name, facts, inputs, layer, createdAt } = objectOf(value)
  if (typeof layer !== 'number' || !Number.isInteger(layer) || layer < -1 || layer >= layerCount)
    throw invalid('a step names no layer')
  if (typeof createdAt !== 'number' || !Number.isFinite(createdAt)) throw invalid('a step has no time')
  return {
    definitionKey: textOf(definitionKey),
    ...(contentKey === undefined ? {} : { contentKey: textOf(contentKey) }),
    kind: textOf(kind),
    name: textOf(name),
    facts: listOf(facts).map((fact) => {
      const { name: factName, value: factValue } = objectOf(fact)
      return { name: textOf(factName), value: textOf(factValue) }
    }),
    inputs: listOf(inputs).map((input) => {
      const { name: inputName, identity, content } = objectOf(input)
      return {
        name: textOf(inputName),
        identity: textOf(identity),
        ...(content === undefined ? {} : { content: textOf(content) }),
      }
    }),
    layer,
    createdAt,
  }
}

function parseMount(value: unknown): CachedMount {
  const { id, diffId, blob } = objectOf(value)
  return { id: textOf(id), diffId: digestOf(diffId), blob: parseBlob(blob) }
}

function parseBlob(value: unknown): Descriptor {
  const { mediaType, digest, size } = objectOf(value)
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) throw invalid('a blob has no size')
  return { mediaType: textOf(mediaType), digest: digestOf(digest), size }
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid('an object is missing')
  return value as Readonly<Record<string, unknown>>
}

function listOf(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw invalid('a list is missing')
  return value
}

function textOf(value: unknown): string {
  if (typeof value !== 'string') throw invalid('a text is missing')
  return value
}

function digestOf(value: unknown): Digest {
  const text = textOf(value)
  if (!isDigest(text)) throw invalid(`"${text}" is not a digest`)
  return text
}

function invalid(why: string, cause?: unknown): TsbuildError {
  return new TsbuildError(
    'ARCHIVE_INVALID',
    `its document cannot be used: ${why}`,
    cause === undefined ? {} : { cause },
  )
}
