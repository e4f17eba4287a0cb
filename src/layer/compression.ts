import { TsbuildError } from '../base/errors.ts'

export type CompressionKind = 'none' | 'gzip' | 'zstd'

/** How our own layers are compressed when they leave the store. `level` as the format's own scale (gzip 1–9, zstd 1–22). */
export interface Compression {
  readonly kind: CompressionKind
  readonly level?: number
}

export const defaultCompression: Compression = { kind: 'gzip', level: 6 }

/** Media types of layers by family; docker's schema 2 knows no zstd (image-spec "Layer Media Types"). */
const layerTypes = {
  oci: {
    none: 'application/vnd.oci.image.layer.v1.tar',
    gzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
    zstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
  },
  docker: {
    none: 'application/vnd.docker.image.rootfs.diff.tar',
    gzip: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
    zstd: undefined,
  },
} as const

/** Media type of a layer in a manifest of the given family. COMPRESSION_UNSUPPORTED for zstd in a docker manifest. */
export function layerMediaType(family: 'oci' | 'docker', kind: CompressionKind): string {
  const type = layerTypes[family][kind]
  if (type !== undefined) return type
  throw new TsbuildError(
    'COMPRESSION_UNSUPPORTED',
    `Cannot write a ${kind} layer into a docker manifest: the format has no media type for it`,
    {
      hint: 'Use OCI media types, or gzip',
    },
  )
}
