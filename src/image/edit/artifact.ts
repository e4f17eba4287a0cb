import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { makeDirectories } from '../../base/make-directories.ts'
import { TsbuildError } from '../../base/errors.ts'
import { openRegularFile } from '../../base/user-file.ts'
import { parseDigest, sha256 } from '../../oci/digest.ts'
import type { Digest } from '../../oci/digest.ts'
import { encodeManifest, parseManifest } from '../../oci/manifest.ts'
import { mediaTypes } from '../../oci/media-types.ts'
import type { Descriptor, Manifest } from '../../oci/types.ts'
import { bytesBlob } from '../../registry/blob-sources.ts'
import type { BlobSource } from '../../registry/upload-blob.ts'
import type { ContentSource } from '../transfer/endpoint.ts'
import { fileBlob } from '../transfer/layout-endpoint.ts'

/** `PATH[:MEDIA-TYPE]` of a file that becomes a layer of an artifact. */
export interface ArtifactFile {
  readonly path: string
  readonly mediaType: string
}

export interface ArtifactRequest {
  readonly type: string
  readonly files: readonly ArtifactFile[]
  readonly annotations: Readonly<Record<string, string>>
  /** What the artifact speaks of. */
  readonly subject?: Descriptor
}

/** OCI image-spec "Pre-Defined Annotation Keys": the file's name. */
const titleAnnotation = 'org.opencontainers.image.title'

/** An artifact of files (OCI image-spec "Guidelines for Artifact Usage") as a place to copy from. Error: FILE_UNREADABLE. */
export async function artifactSource(request: ArtifactRequest): Promise<ContentSource> {
  const empty = bytesBlob(Buffer.from('{}'))
  const blobs = new Map<Digest, BlobSource>([[empty.digest, empty]])
  const layers: Descriptor[] = []
  for (const { path, mediaType } of request.files) {
    const blob = await hashFile(path)
    blobs.set(blob.digest, blob)
    layers.push({ mediaType, digest: blob.digest, size: blob.size, annotations: { [titleAnnotation]: basename(path) } })
  }
  const emptyDescriptor: Descriptor = {
    mediaType: mediaTypes.ociEmpty,
    digest: empty.digest,
    size: empty.size,
    data: 'e30=',
  }
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    artifactType: request.type,
    config: emptyDescriptor,
    // The specification wants at least one layer; the empty one says that there is none.
    layers: layers.length === 0 ? [emptyDescriptor] : layers,
    ...(request.subject === undefined ? {} : { subject: plain(request.subject) }),
    ...(Object.keys(request.annotations).length === 0 ? {} : { annotations: request.annotations }),
  }
  const bytes = Buffer.from(encodeManifest(manifest))
  const top = { bytes, descriptor: { mediaType: manifest.mediaType, digest: sha256(bytes), size: bytes.byteLength } }
  return {
    name: `artifact of type ${request.type}`,
    repository: undefined,
    resolve: async () => top,
    manifest: async () => top,
    async blob({ digest }) {
      const blob = blobs.get(digest)
      if (blob === undefined) throw new Error(`The artifact has no blob ${digest}`)
      return blob
    },
    referrers: async () => [],
  }
}

/** Writes the files of an artifact into a folder, by their titles. Errors: ARCHIVE_INVALID for a title that is no file name. */
export async function extractArtifact(
  source: ContentSource,
  folder: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const raw = await source.resolve()
  const document = parseManifest(raw.bytes, raw.descriptor.mediaType, `manifest of ${source.name}`)
  if (document.kind === 'index')
    throw new TsbuildError('MANIFEST_UNSUPPORTED', `Cannot take files out of ${source.name}: it is an index`)
  makeDirectories(folder)
  const written: string[] = []
  for (const layer of document.manifest.layers) {
    const title = layer.annotations?.[titleAnnotation]
    if (title === undefined) continue
    if (!/^[^/\0]+$/.test(title) || title === '.' || title === '..') {
      throw new TsbuildError('ARCHIVE_INVALID', `Cannot take files out of ${source.name}: "${title}" is no file name`)
    }
    written.push(await writeFile(source, layer, join(folder, title), signal))
  }
  return written
}

async function writeFile(source: ContentSource, layer: Descriptor, path: string, signal: AbortSignal): Promise<string> {
  const { createWriteStream } = await import('node:fs')
  const { rename, rm } = await import('node:fs/promises')
  const { pipeline } = await import('node:stream/promises')
  const temporary = `${path}.part`
  try {
    await pipeline((await source.blob(layer)).open(), createWriteStream(temporary, { flags: 'wx' }), { signal })
    await rename(temporary, path)
    return path
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

async function hashFile(path: string): Promise<BlobSource> {
  const hash = createHash('sha256')
  try {
    await using file = await openRegularFile(path)
    for await (const chunk of file.createReadStream({ highWaterMark: 1024 * 1024 }) as AsyncIterable<Uint8Array>)
      hash.update(chunk)
    return fileBlob(path, parseDigest(`sha256:${hash.digest('hex')}`), (await stat(path)).size)
  } catch (error) {
    throw new TsbuildError('FILE_UNREADABLE', `Cannot read "${path}"`, { cause: error })
  }
}

function plain({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size }
}
