import { TsbuildError } from '../../base/errors.ts'
import type { Emit } from '../../base/events.ts'
import type { Digest } from '../../oci/digest.ts'
import type { Reference } from '../../oci/reference.ts'
import type { Store } from '../../store/store.ts'
import { tagName } from '../find-image.ts'
import { layersToUnpack } from '../image-layers.ts'
import type { ImageRecords } from '../image-records.ts'
import { storeDocument } from '../remote-documents.ts'
import { unpackLayers } from '../unpack-layers.ts'
import type { UnpackTools } from '../unpack-layers.ts'
import { checkSize, findArchivedImages } from './archived-images.ts'
import type { FoundImage } from './archived-images.ts'
import type { ReadArchive } from './read-archive.ts'

export interface LoadTools {
  readonly store: Store
  readonly records: ImageRecords
  readonly unpacking: UnpackTools
}

export interface LoadOptions {
  readonly emit: Emit
  readonly signal: AbortSignal
}

export interface LoadedImage {
  readonly id: Digest
  readonly names: readonly Reference[]
}

/**
 * Makes the images of an archive known: an OCI index with its names, else docker's manifest.json. Everything is verified and unpacked
 * before a name moves. Errors: ARCHIVE_INVALID, MANIFEST_*, CONFIG_INVALID, DIGEST_MISMATCH, LAYER_INVALID, REFERENCE_INVALID.
 */
export async function loadImages(
  tools: LoadTools,
  archive: ReadArchive,
  options: LoadOptions,
): Promise<readonly LoadedImage[]> {
  const loaded: LoadedImage[] = []
  for (const image of findArchivedImages(archive)) loaded.push(await enter(tools, image, options))
  return loaded
}

async function enter(tools: LoadTools, image: FoundImage, { emit, signal }: LoadOptions): Promise<LoadedImage> {
  const { store, records, unpacking } = tools
  const parts = image.manifests.map((part) => ({
    ...part,
    layers: layersToUnpack(part.manifest, part.config, 'Cannot load the image'),
  }))
  for (const { descriptor, bytes } of image.documents) await storeDocument(store.content, descriptor, bytes)
  for (const { layers, manifest } of parts) {
    for (const layer of manifest.layers) {
      const size = store.content.size(layer.digest)
      if (size === undefined)
        throw new TsbuildError('ARCHIVE_INVALID', `Cannot load the image: the archive lacks layer ${layer.digest}`)
      checkSize(layer, size)
    }
    await unpackLayers(unpacking, layers, {
      signal,
      onProgress: ({ blob }, done, total) =>
        emit({ kind: 'transfer', parent: 'load', item: blob, phase: 'extracting', done, total }),
      onDone: ({ blob }) => emit({ kind: 'transfer', parent: 'load', item: blob, phase: 'pulled', done: 0 }),
    })
  }
  store.db.transaction(() => {
    for (const { descriptor, manifest, layers } of parts) {
      records.addImage(descriptor.digest, manifest.config.digest)
      for (const [at, { diffId }] of layers.entries()) {
        const layer = manifest.layers[at]
        if (layer !== undefined) records.addLayerBlob({ diffId, descriptor: layer })
      }
    }
    for (const name of image.names) records.setRef(tagName(name), image.target)
  })
  const [first] = parts
  if (first === undefined)
    throw new TsbuildError('ARCHIVE_INVALID', 'Cannot load the image: no platform of it is in the archive')
  return { id: first.manifest.config.digest, names: image.names }
}
