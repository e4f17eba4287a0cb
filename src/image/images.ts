import { TsbuildError } from '../base/errors.ts'
import type { Emit } from '../base/events.ts'
import { createLimiter } from '../base/limiter.ts'
import type { NativeCore } from '../host/native.ts'
import { shortId } from '../oci/digest.ts'
import { formatPlatform } from '../oci/platform.ts'
import { familiarReference } from '../oci/reference.ts'
import type { Reference } from '../oci/reference.ts'
import type { Snapshotter } from '../snapshot/snapshotter.ts'
import type { Store } from '../store/store.ts'
import { createImage } from './create-image.ts'
import { findByName, findImage, tagName } from './find-image.ts'
import { imageRecords } from './image-records.ts'
import type { ImageService, LocalImage, PullOptions } from './image-service.ts'
import { unpackLayers } from './unpack-layers.ts'
import type { PackedInput } from './unpack-layers.ts'

export interface ImageTools {
  readonly store: Store
  readonly snapshots: Snapshotter
  readonly native: NativeCore
  /** Brings an image of a registry into the store, named by `reference`; resolves when it can be found there. */
  readonly pull: (reference: Reference, options: PullOptions) => Promise<LocalImage>
}

/** Layers that are unpacked at once: inflating and hashing keep a core busy each. */
const unpackJobs = 2

export function createImages({ store, snapshots, native, pull }: ImageTools): ImageService {
  const records = imageRecords(store.db)
  const unpacking = {
    native,
    snapshots,
    content: store.content,
    lease: store.lease,
    limiter: createLimiter(unpackJobs),
  }

  return {
    async ensure(reference, options) {
      if (options.policy === 'always' || options.policy === 'newer') return pull(reference, options)
      const local = await findByName(records, store.content, reference, options.platform)
      if (local !== undefined) return local
      if (options.policy === 'missing') return pull(reference, options)
      throw new TsbuildError(
        'IMAGE_NOT_FOUND',
        `Cannot find image "${familiarReference(reference)}" for ${formatPlatform(options.platform)} in the store`,
        { hint: 'Pulling was forbidden by the pull policy "never"' },
      )
    },
    find: (nameOrId, platform) => findImage(records, store.content, nameOrId, platform),
    unpack: (image, { emit, signal }) =>
      unpackLayers(unpacking, packedInputs(image), {
        signal,
        onProgress: (layer, done, total) => tellExtracting(emit, image, layer, done, total),
      }),
    create: (image) => createImage(store, snapshots, records, image),
    tag: (image, name) => records.setRef(tagName(name), image.target),
  }
}

/** The layers of an image with their DiffIDs. MANIFEST_INVALID when manifest and config do not speak of the same layers. */
export function packedInputs({ manifest, config, id }: LocalImage): readonly PackedInput[] {
  const diffIds = config.rootfs.diff_ids
  if (diffIds.length !== manifest.layers.length) {
    throw new TsbuildError(
      'MANIFEST_INVALID',
      `Cannot unpack image ${shortId(id)}: its manifest has ${manifest.layers.length} layers, its config ${diffIds.length}`,
    )
  }
  return manifest.layers.map((layer, at) => ({ diffId: diffIds[at]!, blob: layer.digest }))
}

function tellExtracting(emit: Emit, image: LocalImage, layer: PackedInput, done: number, total: number): void {
  emit({ kind: 'transfer', parent: image.target.digest, item: layer.blob, phase: 'extracting', done, total })
}
