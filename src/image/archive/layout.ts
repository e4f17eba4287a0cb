import { digestAlgorithm, digestHex } from '../../oci/digest.ts'
import type { Digest } from '../../oci/digest.ts'

/** A file of an archive or layout on its way out. */
export interface ArchiveFile {
  readonly path: string
  readonly size: number
  open(): AsyncIterable<Uint8Array>
}

/** OCI image-spec "Image Layout". */
export const layoutFile = 'oci-layout'
export const layoutContent = '{"imageLayoutVersion":"1.0.0"}'
export const indexFile = 'index.json'
/** docker's list of images in an archive. */
export const dockerManifestFile = 'manifest.json'

/** Annotation by which containerd and docker name the entries of a layout: the full name. */
export const fullNameAnnotation = 'io.containerd.image.name'
/** OCI image-spec "Pre-Defined Annotation Keys": the tag, or a name. */
export const refNameAnnotation = 'org.opencontainers.image.ref.name'

export function blobPath(digest: Digest): string {
  return `blobs/${digestAlgorithm(digest)}/${digestHex(digest)}`
}

export function memoryFile(path: string, content: string | Uint8Array): ArchiveFile {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content
  return {
    path,
    size: bytes.byteLength,
    async *open() {
      yield bytes
    },
  }
}
