import { TsbuildError } from '../../base/errors.ts'
import type { Descriptor } from '../../oci/types.ts'
import type { ContentSource } from '../transfer/endpoint.ts'

/** A blob whole in memory; its source verifies it. Error: REGISTRY_TOO_LARGE. */
export async function readSmallBlob(source: ContentSource, blob: Descriptor, limit: number): Promise<Uint8Array> {
  if (blob.size > limit) {
    throw new TsbuildError(
      'REGISTRY_TOO_LARGE',
      `Cannot read blob ${blob.digest} of ${source.name}: it has ${blob.size} bytes, at most ${limit} are allowed`,
    )
  }
  const chunks: Uint8Array[] = []
  for await (const chunk of (await source.blob(blob)).open()) chunks.push(chunk)
  return Buffer.concat(chunks)
}
