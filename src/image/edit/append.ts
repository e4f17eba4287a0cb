import { familyOf } from '../../oci/media-types.ts'
import type { Descriptor } from '../../oci/types.ts'
import type { ContentEdit, RawConfig } from './edit-content.ts'
import type { FileLayer } from './file-layer.ts'

/** Puts layers on top of every image; `now` is the time in the history. */
export function appendEdit(layers: readonly FileLayer[], comment: string, now: Date): ContentEdit {
  return {
    image: async ({ manifest, config }) => {
      const family = familyOf(manifest.mediaType)
      const added = layers.map(({ blob, mediaType }): Descriptor => ({
        mediaType: mediaType(family),
        digest: blob.digest,
        size: blob.size,
      }))
      return {
        manifest: { ...manifest, layers: [...manifest.layers, ...added] },
        config: withLayers(config, layers, comment, now),
        blobs: layers.map(({ blob }) => blob),
      }
    },
  }
}

function withLayers(config: RawConfig, layers: readonly FileLayer[], comment: string, now: Date): RawConfig {
  const rootfs = config['rootfs'] as { readonly diff_ids?: readonly string[] } | undefined
  const history = Array.isArray(config['history']) ? (config['history'] as readonly unknown[]) : []
  const created = now.toISOString()
  return {
    ...config,
    created,
    rootfs: { type: 'layers', diff_ids: [...(rootfs?.diff_ids ?? []), ...layers.map(({ diffId }) => diffId)] },
    history: [...history, ...layers.map(() => ({ created, created_by: 'tsbuild registry append', comment }))],
  }
}
