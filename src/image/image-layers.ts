import { TsbuildError } from '../base/errors.ts'
import { layerCompression } from '../oci/media-types.ts'
import type { ImageConfig, Manifest } from '../oci/types.ts'
import type { PackedInput } from './unpack-layers.ts'

/**
 * The layers of an image with their DiffIDs, base first. `action` starts the message of MANIFEST_INVALID (manifest and config do not
 * speak of the same layers) and MANIFEST_UNSUPPORTED (a layer is no file system).
 */
export function layersToUnpack(manifest: Manifest, config: ImageConfig, action: string): readonly PackedInput[] {
  const diffIds = config.rootfs.diff_ids
  if (diffIds.length !== manifest.layers.length) {
    throw new TsbuildError(
      'MANIFEST_INVALID',
      `${action}: its manifest has ${manifest.layers.length} layers, its config ${diffIds.length}`,
    )
  }
  return manifest.layers.map((layer, at) => {
    if (layerCompression(layer.mediaType) === undefined) {
      throw new TsbuildError(
        'MANIFEST_UNSUPPORTED',
        `${action}: layer ${at} has the type "${layer.mediaType}", which is no file system`,
      )
    }
    return { diffId: diffIds[at]!, blob: layer.digest }
  })
}
