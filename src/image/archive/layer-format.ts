import { mediaTypes } from '../../oci/media-types.ts'
import type { ReadArchive } from './read-archive.ts'

/** docker's type of a layer file by its first bytes: archives of podman and kaniko hold compressed ones, docker's do not. */
export function layerFormat(archive: ReadArchive, path: string): string {
  const head = archive.head(path)
  if (head[0] === 0x1f && head[1] === 0x8b) return mediaTypes.dockerLayerGzip
  if (head[0] === 0x28 && head[1] === 0xb5 && head[2] === 0x2f && head[3] === 0xfd) return mediaTypes.ociLayerZstd
  return mediaTypes.dockerLayer
}
