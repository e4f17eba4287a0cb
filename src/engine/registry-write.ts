import { copyContent } from '../image/transfer/copy-content.ts'
import { drySink } from '../image/transfer/dry-sink.ts'
import type { ContentSource } from '../image/transfer/endpoint.ts'
import { formatLocation, parseLocation } from '../image/transfer/location.ts'
import { openSink } from './open-location.ts'
import type { LocationTools } from './open-location.ts'
import type { CopiedImage } from './registry-copy.ts'

/** Writes the result of an edit to a location, or says what would be written. */
export async function writeEdited(
  tools: LocationTools,
  source: ContentSource,
  target: string,
  options: { readonly dryRun: boolean },
): Promise<CopiedImage> {
  const location = parseLocation(target)
  const real = await openSink(tools, location)
  const dry = options.dryRun ? drySink(real) : undefined
  const { descriptor, blobs, bytes } = await copyContent(source, dry ?? real, {
    platforms: [],
    referrers: false,
    foreignLayers: location.kind !== 'registry',
    emit: tools.emit,
    signal: tools.signal,
  })
  return {
    source: source.name,
    target: formatLocation(location),
    digest: descriptor.digest,
    blobs,
    bytes,
    planned: dry?.planned ?? [],
  }
}
