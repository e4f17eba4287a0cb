import { TsbuildError } from '../../base/errors.ts'
import { sha256 } from '../../oci/digest.ts'
import type { Digest } from '../../oci/digest.ts'
import { encodeManifest, parseManifest } from '../../oci/manifest.ts'
import { isImageConfigType, isIndexType } from '../../oci/media-types.ts'
import { familiarReference } from '../../oci/reference.ts'
import type { Reference } from '../../oci/reference.ts'
import type { Descriptor } from '../../oci/types.ts'
import { storedBlob } from '../../registry/blob-sources.ts'
import { digestName, tagName } from '../find-image.ts'
import type { LocalImage } from '../image-service.ts'
import { isCompleteIndex } from '../index-children.ts'
import { outgoingLayers } from '../packed-layers.ts'
import type { LayerCompression, PackTools } from '../packed-layers.ts'
import { storeDocument } from '../remote-documents.ts'
import type { ContentSink, ContentSource, RawManifest } from './endpoint.ts'

/** An image of the store to read from; its own layers are packed when it is resolved. Error: BLOB_MISSING. */
export function storeSource(
  tools: PackTools,
  image: LocalImage,
  name: string,
  compression: LayerCompression,
  signal: AbortSignal,
): ContentSource {
  const { content } = tools.store
  const stored = async (digest: Digest): Promise<RawManifest> => {
    if (content.size(digest) === undefined)
      throw new TsbuildError('BLOB_MISSING', `Cannot copy ${name}: manifest ${digest} is not in the store`)
    const bytes = await content.read(digest)
    const document = parseManifest(bytes, undefined, `manifest ${digest}`)
    const { mediaType } = document.kind === 'index' ? document.index : document.manifest
    return { bytes, descriptor: { mediaType, digest, size: bytes.byteLength } }
  }
  return {
    name: `store:${name}`,
    repository: undefined,
    manifest: stored,
    async resolve() {
      if (await isCompleteIndex(content, image.target)) return stored(image.target.digest)
      const layers: Descriptor[] = []
      for (const layer of outgoingLayers(tools, image, compression)) layers.push(await layer.pack(signal))
      if (layers.every((layer, at) => layer.digest === image.manifest.layers[at]?.digest))
        return stored(image.manifestDescriptor.digest)
      const bytes = Buffer.from(encodeManifest({ ...image.manifest, layers }))
      return {
        bytes,
        descriptor: { mediaType: image.manifest.mediaType, digest: sha256(bytes), size: bytes.byteLength },
      }
    },
    async blob(descriptor) {
      if (content.size(descriptor.digest) === undefined)
        throw new TsbuildError('BLOB_MISSING', `Cannot copy ${name}: blob ${descriptor.digest} is not in the store`)
      return storedBlob(content, descriptor)
    },
    referrers: async () => [],
  }
}

/** The store to write to: blobs are verified, names move when everything is here. Layers are unpacked when they are first needed. */
export function storeSink(tools: PackTools, reference: Reference, signal: AbortSignal): ContentSink {
  const { store, records } = tools
  let target: Descriptor | undefined
  const images: { readonly manifest: Digest; readonly config: Digest }[] = []
  return {
    name: `store:${familiarReference(reference)}`,
    async putBlob(blob, descriptor) {
      await using ingest = await store.content.ingest(descriptor, { signal })
      if (ingest === undefined) return 'exists'
      await ingest.restart()
      for await (const chunk of blob.open()) await ingest.write(chunk)
      await ingest.commit()
      return 'copied'
    },
    hasBlob: async ({ digest }) => store.content.size(digest) !== undefined,
    async putManifest({ descriptor, bytes }, top) {
      await storeDocument(store.content, descriptor, bytes)
      if (top) target = descriptor
      if (isIndexType(descriptor.mediaType)) return
      const document = parseManifest(bytes, descriptor.mediaType, `manifest ${descriptor.digest}`)
      if (document.kind === 'index' || !isImageConfigType(document.manifest.config.mediaType)) return
      images.push({ manifest: descriptor.digest, config: document.manifest.config.digest })
    },
    hasManifest: async () => false,
    async finish() {
      const found = target
      if (found === undefined) return
      store.db.transaction(() => {
        for (const { manifest, config } of images) records.addImage(manifest, config)
        if (reference.tag !== undefined) records.setRef(tagName(reference), found)
        else records.setRef(digestName(reference, found.digest), found)
      })
    },
  }
}
