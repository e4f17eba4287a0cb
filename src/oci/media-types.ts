/** Media types of the OCI image specification 1.1 and docker's schema 2, and what they say about a blob. */
export const mediaTypes = {
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  ociEmpty: 'application/vnd.oci.empty.v1+json',
  ociLayer: 'application/vnd.oci.image.layer.v1.tar',
  ociLayerGzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  ociLayerZstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
  dockerIndex: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  dockerLayer: 'application/vnd.docker.image.rootfs.diff.tar',
  dockerLayerGzip: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
  dockerForeignGzip: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
} as const

export type Family = 'oci' | 'docker'
export type Compression = 'none' | 'gzip' | 'zstd'

/** Accept header of a manifest request: ACR answers 404 when the stored type is not named. */
export const manifestAccept: string = [
  mediaTypes.ociIndex,
  mediaTypes.dockerIndex,
  mediaTypes.ociManifest,
  mediaTypes.dockerManifest,
].join(', ')

const layerTypes: ReadonlyMap<string, Compression> = new Map<string, Compression>([
  [mediaTypes.ociLayer, 'none'],
  [mediaTypes.ociLayerGzip, 'gzip'],
  [mediaTypes.ociLayerZstd, 'zstd'],
  ['application/vnd.oci.image.layer.nondistributable.v1.tar', 'none'],
  ['application/vnd.oci.image.layer.nondistributable.v1.tar+gzip', 'gzip'],
  ['application/vnd.oci.image.layer.nondistributable.v1.tar+zstd', 'zstd'],
  [mediaTypes.dockerLayer, 'none'],
  [mediaTypes.dockerLayerGzip, 'gzip'],
  ['application/vnd.docker.image.rootfs.foreign.diff.tar', 'none'],
  [mediaTypes.dockerForeignGzip, 'gzip'],
])

export function isIndexType(mediaType: string): boolean {
  return mediaType === mediaTypes.ociIndex || mediaType === mediaTypes.dockerIndex
}

export function isManifestType(mediaType: string): boolean {
  return mediaType === mediaTypes.ociManifest || mediaType === mediaTypes.dockerManifest
}

/** docker image manifest version 2, schema 1: signed or not, dropped by every current client. */
export function isSchema1Type(mediaType: string): boolean {
  return /^application\/vnd\.docker\.distribution\.manifest\.v1\+(json|prettyjws)$/.test(mediaType)
}

export function isImageConfigType(mediaType: string): boolean {
  return mediaType === mediaTypes.ociConfig || mediaType === mediaTypes.dockerConfig
}

/** Compression that the type of a file system layer promises; undefined for anything that is no such layer. */
export function layerCompression(mediaType: string): Compression | undefined {
  return layerTypes.get(mediaType)
}

/** Layers that registries are not to be given: fetched from their `urls`, never pushed unless asked. */
export function isForeignLayer(mediaType: string): boolean {
  return layerTypes.has(mediaType) && /nondistributable|foreign/.test(mediaType)
}

export function familyOf(mediaType: string): Family {
  return mediaType.startsWith('application/vnd.docker.') ? 'docker' : 'oci'
}

/** Type of a layer of our own. docker's family has no zstd type, so such layers are OCI. */
export function layerType(family: Family, compression: Compression): string {
  if (compression === 'zstd') return mediaTypes.ociLayerZstd
  if (family === 'docker') return compression === 'gzip' ? mediaTypes.dockerLayerGzip : mediaTypes.dockerLayer
  return compression === 'gzip' ? mediaTypes.ociLayerGzip : mediaTypes.ociLayer
}

const pairs: readonly (readonly [docker: string, oci: string])[] = [
  [mediaTypes.dockerIndex, mediaTypes.ociIndex],
  [mediaTypes.dockerManifest, mediaTypes.ociManifest],
  [mediaTypes.dockerConfig, mediaTypes.ociConfig],
  [mediaTypes.dockerLayer, mediaTypes.ociLayer],
  [mediaTypes.dockerLayerGzip, mediaTypes.ociLayerGzip],
  ['application/vnd.docker.image.rootfs.foreign.diff.tar', 'application/vnd.oci.image.layer.nondistributable.v1.tar'],
  [mediaTypes.dockerForeignGzip, 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip'],
]

/**
 * The same content's type in the other family. Types that have no counterpart (zstd in docker, artifacts) come back unchanged;
 * registries with a strict schema (Quay) refuse manifests that mix families.
 */
export function convertType(mediaType: string, family: Family): string {
  for (const [docker, oci] of pairs) {
    if (mediaType === docker || mediaType === oci) return family === 'docker' ? docker : oci
  }
  return mediaType
}
