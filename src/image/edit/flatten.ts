import { familyOf } from '../../oci/media-types.ts'
import type { ContentSource } from '../transfer/endpoint.ts'
import type { ContentEdit } from './edit-content.ts'
import { compressedLayer } from './file-layer.ts'
import type { FileLayer } from './file-layer.ts'
import { mergedEntries } from './merged-entries.ts'
import { mergedTar } from './merged-tar.ts'

/** Makes one layer of all. `own` keeps the temporary files until the result was copied. */
export function flattenEdit(
  source: ContentSource,
  own: (layer: FileLayer) => FileLayer,
  signal: AbortSignal,
  now: Date,
): ContentEdit {
  return {
    image: async ({ manifest, config }) => {
      const layer = own(await compressedLayer(mergedTar(mergedEntries(source, manifest)), source.name, signal))
      const { blob, diffId } = layer
      return {
        manifest: {
          ...manifest,
          layers: [{ mediaType: layer.mediaType(familyOf(manifest.mediaType)), digest: blob.digest, size: blob.size }],
        },
        config: {
          ...config,
          rootfs: { type: 'layers', diff_ids: [diffId] },
          history: [
            {
              created: now.toISOString(),
              created_by: 'tsbuild registry flatten',
              comment: `${manifest.layers.length} layers of ${source.name}`,
            },
          ],
        },
        blobs: [blob],
      }
    },
  }
}
