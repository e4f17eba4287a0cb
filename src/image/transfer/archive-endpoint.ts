import type { Writable } from 'node:stream'
import { TsbuildError, hasCode } from '../../base/errors.ts'
import { createLimiter } from '../../base/limiter.ts'
import type { Digest } from '../../oci/digest.ts'
import { parseManifest } from '../../oci/manifest.ts'
import { mediaTypes } from '../../oci/media-types.ts'
import { familiarReference, formatReference, parseReference, withDefaultTag } from '../../oci/reference.ts'
import type { Reference } from '../../oci/reference.ts'
import type { Descriptor, Index } from '../../oci/types.ts'
import { findArchivedImages } from '../archive/archived-images.ts'
import type { FoundImage } from '../archive/archived-images.ts'
import {
  blobPath,
  dockerManifestFile,
  fullNameAnnotation,
  indexFile,
  layoutContent,
  layoutFile,
  memoryFile,
  refNameAnnotation,
} from '../archive/layout.ts'
import { openTarWriter } from '../archive/tar-archive.ts'
import { indexArchive } from '../archive/tar-index.ts'
import type { ContentSink, ContentSource, RawManifest } from './endpoint.ts'
import { fileBlob } from './layout-endpoint.ts'

/** An archive of docker or an OCI archive to read from, in place. Errors: FILE_UNREADABLE, ARCHIVE_INVALID. */
export async function archiveSource(path: string, tag: string | undefined): Promise<ContentSource> {
  const archive = await indexArchive(path)
  const image = choose(findArchivedImages(archive), path, tag)
  const documents = new Map(image.documents.map(({ descriptor, bytes }) => [descriptor.digest, { descriptor, bytes }]))
  const manifest = async (digest: Digest): Promise<RawManifest> => {
    const found = documents.get(digest)
    if (found !== undefined) return found
    throw new TsbuildError('ARCHIVE_INVALID', `Cannot read "${path}": manifest ${digest} is missing`)
  }
  return {
    name: path,
    repository: undefined,
    manifest,
    resolve: () => manifest(image.target.digest),
    async blob({ digest, size }) {
      const small = archive.bytes(digest)
      const place = archive.place(digest)
      if (place !== undefined) return fileBlob(path, digest, size, place.offset)
      if (small === undefined)
        throw new TsbuildError('ARCHIVE_INVALID', `Cannot read "${path}": blob ${digest} is missing`)
      return { digest, size, open: () => once(small) }
    },
    referrers: async () => [],
  }
}

function choose(images: readonly FoundImage[], path: string, tag: string | undefined): FoundImage {
  const fits = images.filter(
    ({ names, refNames, target }) =>
      tag === undefined ||
      target.digest === tag ||
      refNames.includes(tag) ||
      names.some((name) => name.tag === tag || isSameName(name, tag)),
  )
  const [first] = fits
  if (first !== undefined && fits.length === 1) return first
  const names = images.flatMap((image) => [...image.refNames, ...image.names.map(familiarReference)])
  throw new TsbuildError(
    'ARCHIVE_INVALID',
    `Cannot read "${path}": ${fits.length > 1 ? 'it holds several images' : 'it holds no such image'}`,
    {
      hint: names.length === 0 ? 'Name one by its digest' : `It has ${[...new Set(names)].slice(0, 20).join(', ')}`,
    },
  )
}

/** `busybox` and `docker.io/library/busybox:latest` are one name; a digest or a tag with signs of its own is none. */
function isSameName(name: Reference, text: string): boolean {
  try {
    return formatReference(name) === formatReference(withDefaultTag(parseReference(text)))
  } catch (error) {
    if (hasCode(error, 'REFERENCE_INVALID', 'DIGEST_INVALID')) return false
    throw error
  }
}

/** An archive that is written as the content comes: each blob once, one after the other. Ends `out`. */
export async function archiveSink(
  out: Writable,
  name: string,
  tag: string | undefined,
  format: 'oci' | 'docker',
): Promise<ContentSink> {
  const tar = await openTarWriter(out)
  const oneByOne = createLimiter(1)
  const written = new Set<Digest>()
  const index: Descriptor[] = []
  const docker: object[] = []
  const add = (digest: Digest, size: number, open: () => AsyncIterable<Uint8Array>): Promise<'exists' | 'copied'> =>
    oneByOne.run(async () => {
      if (written.has(digest)) return 'exists'
      written.add(digest)
      await tar.add({ path: blobPath(digest), size, open })
      return 'copied'
    })
  return {
    name,
    putBlob: ({ digest, size, open }) => add(digest, size, () => open()),
    hasBlob: async ({ digest }) => written.has(digest),
    async putManifest({ descriptor, bytes }, top) {
      const { mediaType, digest, size } = descriptor
      await add(digest, size, () => once(bytes))
      if (!top) return
      index.push({ mediaType, digest, size, ...(tag === undefined ? {} : { annotations: annotationsOf(tag) }) })
      const document = parseManifest(bytes, mediaType, `manifest ${digest}`)
      if (document.kind === 'manifest')
        docker.push(dockerEntry(document.manifest.config, document.manifest.layers, tag))
    },
    hasManifest: async (digest) => written.has(digest),
    async finish() {
      const body: Index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: index }
      await tar.add(memoryFile(indexFile, JSON.stringify(body)))
      if (format === 'docker') await tar.add(memoryFile(dockerManifestFile, JSON.stringify(docker)))
      await tar.add(memoryFile(layoutFile, layoutContent))
      await tar.finish()
    },
  }
}

function annotationsOf(tag: string): Readonly<Record<string, string>> {
  return /[/:]/.test(tag) ? { [fullNameAnnotation]: tag, [refNameAnnotation]: tag } : { [refNameAnnotation]: tag }
}

function dockerEntry(config: Descriptor, layers: readonly Descriptor[], tag: string | undefined): object {
  return {
    Config: blobPath(config.digest),
    RepoTags: tag !== undefined && /[/:]/.test(tag) ? [tag] : [],
    Layers: layers.map(({ digest }) => blobPath(digest)),
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
