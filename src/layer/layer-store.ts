import { statSync } from 'node:fs'
import { TsbuildError } from '../base/errors.ts'
import type { Answer, LayerFacts, NativeCore, Tree } from '../host/native.ts'
import { parseDigest } from '../oci/digest.ts'
import type { DiffId, Digest } from '../oci/digest.ts'
import type { ContentStore } from '../store/content.ts'
import type { Compression } from '../oci/media-types.ts'

export interface ApplyOptions {
  /** `alone` writes a plain directory and rejects with LAYER_NEEDS_LOWER where the layers below must be seen; `merged` sees them. */
  readonly mode: 'alone' | 'merged'
  readonly diffId: DiffId
  readonly signal: AbortSignal
  readonly onProgress?: (done: number, total: number) => void
}

/** What a layer of these compressed bytes may become before it is taken for a bomb: what people pack shrinks to a tenth, and files of zeros are seldom larger than a few GiB. */
export function layerLimits(compressed: number): { readonly bytes: number; readonly entries: number } {
  return { bytes: 16 * 2 ** 30 + 200 * compressed, entries: 10_000_000 }
}

/**
 * Turns the stored blob of a layer into files below `target`, verifying the DiffID while it unpacks. On any error the target is
 * to be thrown away. DIGEST_MISMATCH, LAYER_INVALID (with the entry), LAYER_NEEDS_LOWER, STORE_FULL.
 */
export async function applyLayer(
  native: NativeCore,
  blobPath: string,
  target: Tree,
  options: ApplyOptions,
): Promise<LayerFacts> {
  const answer = await native.call(
    'apply',
    {
      blob: blobPath,
      mediaCompression: 'auto',
      target,
      mode: options.mode,
      expect: { diffId: options.diffId },
      limits: layerLimits(statSync(blobPath).size),
    },
    {
      signal: options.signal,
      onEvent: (event) => options.onProgress?.(Number(event['done']), Number(event['total'])),
    },
  )
  return layerFacts(answer)
}

export interface PackedLayer {
  readonly facts: LayerFacts
  readonly digest: Digest
  readonly size: number
}

const defaultLevel = { none: 0, gzip: 6, zstd: 3 } as const

export interface PackOptions {
  readonly compression: Compression
  /** On the format's own scale (gzip 1–9, zstd 1–22). Default 6 for gzip, 3 for zstd. */
  readonly level?: number
  readonly threads: number
  /** What the snapshot's commit said; a difference is STORE_CORRUPT. */
  readonly diffId: DiffId
  readonly signal: AbortSignal
  readonly onProgress?: (done: number, total: number) => void
}

/** Writes a snapshot's layer as a canonical tar, compressed, into the content store. */
export async function packLayer(
  native: NativeCore,
  content: ContentStore,
  layer: Tree,
  options: PackOptions,
): Promise<PackedLayer> {
  await using file = await content.scratch()
  const answer = await native.call(
    'pack',
    {
      tree: layer,
      out: file.path,
      compression: {
        kind: options.compression,
        level: options.level ?? defaultLevel[options.compression],
        threads: options.threads,
      },
      expect: { diffId: options.diffId },
    },
    { signal: options.signal, onEvent: (event) => options.onProgress?.(Number(event['done']), Number(event['total'])) },
  )
  const blob = answer['blob'] as { readonly digest: string; readonly size: number }
  const digest = parseDigest(blob.digest)
  await file.adopt(digest, blob.size)
  return { facts: layerFacts(answer), digest, size: blob.size }
}

/** Reads the layer facts out of an answer of `apply`, `pack`, or the `layer` of `files` and `sandbox`. */
export function layerFacts(answer: Answer): LayerFacts {
  const { diffId, size, entries, bytes } = answer
  if (
    typeof diffId !== 'string' ||
    typeof size !== 'number' ||
    typeof entries !== 'number' ||
    typeof bytes !== 'number'
  ) {
    throw new TsbuildError('NATIVE_PROTOCOL', 'Cannot understand the native core: a layer lacks its facts', {
      details: { answer },
    })
  }
  return { diffId: parseDigest(diffId), size, entries, bytes }
}
