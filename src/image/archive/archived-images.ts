import { TsbuildError, hasCode } from '../../base/errors.ts'
import { sha256 } from '../../oci/digest.ts'
import type { Digest } from '../../oci/digest.ts'
import { parseImageConfig } from '../../oci/image-config.ts'
import { optional, readJson } from '../../oci/json.ts'
import type { JsonReader } from '../../oci/json.ts'
import { encodeManifest, maxIndexDepth, parseManifest } from '../../oci/manifest.ts'
import { mediaTypes } from '../../oci/media-types.ts'
import { parseReference, withTag } from '../../oci/reference.ts'
import type { Reference } from '../../oci/reference.ts'
import type { Descriptor, ImageConfig, Manifest } from '../../oci/types.ts'
import { tagName } from '../find-image.ts'
import type { Document } from '../remote-documents.ts'
import { blobPath, dockerManifestFile, fullNameAnnotation, indexFile, refNameAnnotation } from './layout.ts'
import { layerFormat } from './layer-format.ts'
import { documentLimit } from './read-archive.ts'
import type { ReadArchive } from './read-archive.ts'

/** An image of an archive, before anything of it is recorded. */
export interface FoundImage {
  readonly target: Descriptor
  readonly names: readonly Reference[]
  /** Ref names of a layout, which need not be names of images. */
  readonly refNames: readonly string[]
  readonly manifests: readonly FoundManifest[]
  readonly documents: readonly Document[]
}

export interface FoundManifest {
  readonly descriptor: Descriptor
  readonly manifest: Manifest
  readonly config: ImageConfig
}

interface DockerEntry {
  readonly config: string
  readonly layers: readonly string[]
  readonly names: readonly Reference[]
}

/** The images of an archive: of its OCI index, else of docker's manifest.json. Errors: ARCHIVE_INVALID, MANIFEST_*, CONFIG_INVALID, REFERENCE_INVALID. */
export function findArchivedImages(archive: ReadArchive): readonly FoundImage[] {
  const docker = readDockerList(archive)
  const targets = readLayoutTargets(archive)
  const found = targets.length > 0 ? fromLayout(archive, targets, docker) : fromDocker(archive, docker)
  if (found.length > 0) return found
  throw new TsbuildError('ARCHIVE_INVALID', 'Cannot read the archive: it holds no image')
}

function readLayoutTargets(archive: ReadArchive): readonly Descriptor[] {
  const bytes = documentAt(archive, indexFile, `its "${indexFile}"`)
  if (bytes === undefined) return []
  const document = parseManifest(bytes, mediaTypes.ociIndex, `"${indexFile}" of the archive`)
  return document.kind === 'index' ? document.index.manifests : []
}

function fromLayout(
  archive: ReadArchive,
  targets: readonly Descriptor[],
  docker: readonly DockerEntry[],
): readonly FoundImage[] {
  const byTarget = new Map<Digest, FoundImage>()
  for (const target of targets) {
    const known = byTarget.get(target.digest)
    const names = namesOf(target)
    const refName = target.annotations?.[refNameAnnotation]
    const refNames = refName === undefined ? [] : [refName]
    if (known !== undefined) {
      const merged = { names: [...known.names, ...names], refNames: [...known.refNames, ...refNames] }
      byTarget.set(target.digest, { ...known, ...merged })
      continue
    }
    const documents: Document[] = []
    const manifests: FoundManifest[] = []
    collect(archive, target, documents, manifests, 0)
    byTarget.set(target.digest, { target: plain(target), names, refNames, manifests, documents })
  }
  return [...byTarget.values()].map((image) => ({
    ...image,
    names: unique([...image.names, ...dockerNames(image, docker)]),
  }))
}

/** Gathers the manifests below a descriptor. Platforms that the archive leaves out are passed over. */
function collect(
  archive: ReadArchive,
  descriptor: Descriptor,
  documents: Document[],
  manifests: FoundManifest[],
  depth: number,
): void {
  const bytes =
    archive.bytes(descriptor.digest) ??
    documentAt(archive, blobPath(descriptor.digest), `manifest ${descriptor.digest}`)
  if (bytes === undefined) {
    if (depth === 0)
      throw new TsbuildError(
        'ARCHIVE_INVALID',
        `Cannot read the archive: its index names ${descriptor.digest}, which is missing`,
      )
    return
  }
  checkSize(descriptor, bytes.byteLength)
  const document = parseManifest(bytes, descriptor.mediaType, `manifest ${descriptor.digest} of the archive`)
  documents.push({ descriptor: plain(descriptor), bytes })
  if (document.kind === 'index') {
    if (depth === maxIndexDepth)
      throw new TsbuildError(
        'ARCHIVE_INVALID',
        `Cannot read the archive: its index is nested more than ${maxIndexDepth} deep`,
      )
    for (const entry of document.index.manifests) collect(archive, entry, documents, manifests, depth + 1)
    return
  }
  const { manifest } = document
  const { digest } = manifest.config
  const config = archive.bytes(digest) ?? documentAt(archive, blobPath(digest), `config ${digest}`)
  if (config === undefined)
    throw new TsbuildError('ARCHIVE_INVALID', `Cannot read the archive: config ${digest} is missing`)
  checkSize(manifest.config, config.byteLength)
  documents.push({ descriptor: manifest.config, bytes: config })
  for (const layer of manifest.layers) {
    const small = archive.bytes(layer.digest)
    if (small !== undefined) documents.push({ descriptor: layer, bytes: small })
  }
  manifests.push({
    descriptor: plain(descriptor),
    manifest,
    config: parseImageConfig(config, `config ${digest} of the archive`),
  })
}

function fromDocker(archive: ReadArchive, entries: readonly DockerEntry[]): readonly FoundImage[] {
  return entries.map((entry) => {
    const configFile = archive.file(entry.config)
    const configBytes = documentAt(archive, entry.config, `its config "${entry.config}"`)
    if (configFile === undefined || configBytes === undefined) {
      throw new TsbuildError('ARCHIVE_INVALID', `Cannot read the archive: its config "${entry.config}" is missing`)
    }
    const layers = entry.layers.map((path): Descriptor => {
      const file = archive.file(path)
      if (file === undefined)
        throw new TsbuildError('ARCHIVE_INVALID', `Cannot read the archive: its layer "${path}" is missing`)
      return { ...file, mediaType: layerFormat(archive, path) }
    })
    const manifest: Manifest = {
      schemaVersion: 2,
      mediaType: mediaTypes.dockerManifest,
      config: { mediaType: mediaTypes.dockerConfig, ...configFile },
      layers,
    }
    const bytes = Buffer.from(encodeManifest(manifest))
    const descriptor = { mediaType: manifest.mediaType, digest: sha256(bytes), size: bytes.byteLength }
    const small = entry.layers.flatMap((path): readonly Document[] => {
      const layer = archive.document(path)
      const file = archive.file(path)
      return layer === undefined || file === undefined ? [] : [{ descriptor: { ...file, mediaType: '' }, bytes: layer }]
    })
    return {
      target: descriptor,
      names: entry.names,
      refNames: [],
      documents: [...small, { descriptor: manifest.config, bytes: configBytes }, { descriptor, bytes }],
      manifests: [
        { descriptor, manifest, config: parseImageConfig(configBytes, `config "${entry.config}" of the archive`) },
      ],
    }
  })
}

function readDockerList(archive: ReadArchive): readonly DockerEntry[] {
  const bytes = documentAt(archive, dockerManifestFile, `its "${dockerManifestFile}"`)
  if (bytes === undefined) return []
  const root = readJson(bytes, { code: 'ARCHIVE_INVALID', what: `"${dockerManifestFile}" of the archive` })
  return root.list(
    (entry): DockerEntry => ({
      config: entry.get('Config').string(),
      layers: optional(entry.get('Layers'), (list: JsonReader) => list.list((item) => item.string(), 10_000)) ?? [],
      names: (
        optional(entry.get('RepoTags'), (list: JsonReader) => list.list((item) => item.string(), 10_000)) ?? []
      ).map(parseReference),
    }),
    10_000,
  )
}

/** A document by its path; undefined when the archive has no such file. One that was too large to be kept is an error. */
function documentAt(archive: ReadArchive, path: string, what: string): Uint8Array | undefined {
  const bytes = archive.document(path)
  const size = archive.file(path)?.size
  if (bytes !== undefined || size === undefined) return bytes
  const limit = `at most ${documentLimit} are allowed`
  throw new TsbuildError('ARCHIVE_INVALID', `Cannot read the archive: ${what} has ${size} bytes, ${limit}`)
}

function dockerNames(image: FoundImage, docker: readonly DockerEntry[]): readonly Reference[] {
  const configs = image.manifests.map(({ manifest }) => manifest.config.digest.slice('sha256:'.length))
  return docker.filter(({ config }) => configs.some((hex) => config.includes(hex))).flatMap(({ names }) => names)
}

/** containerd's full name, else an OCI ref name when it is one; a bare tag names nothing by itself. */
function namesOf({ annotations = {} }: Descriptor): readonly Reference[] {
  const full = annotations[fullNameAnnotation]
  const short = annotations[refNameAnnotation]
  if (full !== undefined) return [parseReference(full)]
  if (short === undefined || !/[/:]/.test(short)) return []
  try {
    return [parseReference(short)]
  } catch (error) {
    if (hasCode(error, 'REFERENCE_INVALID', 'DIGEST_INVALID')) return []
    throw error
  }
}

function unique(names: readonly Reference[]): readonly Reference[] {
  return [...new Map(names.map((name) => [tagName(name), withTag(name, name.tag ?? 'latest')])).values()]
}

/** A descriptor that tells another size than its content has would be refused by every registry. Error: ARCHIVE_INVALID. */
export function checkSize({ digest, size }: Descriptor, actual: number): void {
  if (size !== actual)
    throw new TsbuildError(
      'ARCHIVE_INVALID',
      `Cannot read the archive: ${digest} has ${actual} bytes, its descriptor says ${size}`,
    )
}

/** Names and inline copies belong to the archive, not to the image. */
function plain({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size }
}
