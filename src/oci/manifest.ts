import { TsbuildError } from '../base/errors.ts'
import { optional, present, readJson } from './json.ts'
import type { JsonReader } from './json.ts'
import { isIndexType, isManifestType, isSchema1Type, mediaTypes } from './media-types.ts'
import type { Descriptor, Index, Manifest, Platform } from './types.ts'

/** distribution-spec asks registries to take at least 4 MiB; ECR and docker-registry take no more. */
export const maxManifestSize: number = 4 * 1024 * 1024
/** Overlay stacks end far below; artifacts use layers as plain files. */
export const maxLayers = 10_000
export const maxIndexEntries = 10_000
/** An index inside an index inside … is legal; nobody has use for more. */
export const maxIndexDepth = 4

export type ManifestDocument =
  | { readonly kind: 'index'; readonly index: Index }
  | { readonly kind: 'manifest'; readonly manifest: Manifest }

/**
 * Parses and checks an image manifest or index of either family. `mediaType` is what the registry or descriptor calls it; the
 * document's own `mediaType` wins where both are known types, and must not contradict the document's shape (CVE-2021-41190:
 * one text read as manifest and as index). Errors: MANIFEST_INVALID, MANIFEST_UNSUPPORTED for schema 1.
 */
export function parseManifest(bytes: Uint8Array, mediaType: string | undefined, what: string): ManifestDocument {
  if (bytes.byteLength > maxManifestSize) {
    throw new TsbuildError(
      'MANIFEST_INVALID',
      `Cannot read ${what}: it has ${bytes.byteLength} bytes, at most ${maxManifestSize} are allowed`,
    )
  }
  const root = readJson(bytes, { code: 'MANIFEST_INVALID', what })
  const version = root.get('schemaVersion')
  const stated = optional(root.get('mediaType'), (item) => item.string())
  if (isSchema1Type(stated ?? mediaType ?? '') || version.value === 1) {
    throw new TsbuildError(
      'MANIFEST_UNSUPPORTED',
      `Cannot use ${what}: it is a docker schema 1 manifest, which has no digests of its layers' content`,
      {
        hint: 'Push the image again with a current tool; registries convert nothing',
      },
    )
  }
  if (version.value !== 2) throw version.fail('must be 2')
  const type = documentType(root, stated, mediaType)
  const both = !root.get('manifests').absent && (!root.get('layers').absent || !root.get('config').absent)
  if (both) throw root.fail('has the members of a manifest and of an index')
  return isIndexType(type)
    ? { kind: 'index', index: readIndex(root, type) }
    : { kind: 'manifest', manifest: readManifest(root, type) }
}

/** Parses one descriptor, for archives and layouts. Error: MANIFEST_INVALID. */
export function readDescriptor(reader: JsonReader): Descriptor {
  const size = reader.get('size')
  if (size.integer() < 0) throw size.fail('must not be negative')
  return present<Descriptor>({
    mediaType: readMediaType(reader.get('mediaType')),
    digest: reader.get('digest').digest(),
    size: size.integer(),
    urls: optional(reader.get('urls'), (item) => item.list((url) => url.string(), 100)),
    annotations: readAnnotations(reader),
    data: optional(reader.get('data'), (item) => item.string()),
    platform: optional(reader.get('platform'), readPlatform),
    artifactType: optional(reader.get('artifactType'), (item) => item.string()),
  })
}

export function readPlatform(reader: JsonReader): Platform {
  return present<Platform>({
    os: reader.get('os').string(),
    architecture: reader.get('architecture').string(),
    variant: optional(reader.get('variant'), (item) => item.string()) || undefined,
    'os.version': optional(reader.get('os.version'), (item) => item.string()),
    'os.features': optional(reader.get('os.features'), (item) => item.list((feature) => feature.string(), 100)),
  })
}

/** The one form in which we write manifests: member order of the specification, no white space. */
export function encodeManifest(document: Manifest | Index): string {
  return JSON.stringify(document)
}

function documentType(root: JsonReader, stated: string | undefined, given: string | undefined): string {
  for (const type of [stated, given]) {
    if (type !== undefined && (isIndexType(type) || isManifestType(type))) {
      if (stated === undefined || type === stated) return type
      throw root.get('mediaType').fail(`is "${stated}", which is neither a manifest nor an index`)
    }
  }
  if (stated !== undefined) throw root.get('mediaType').fail(`is "${stated}", which is neither a manifest nor an index`)
  return root.get('manifests').absent ? mediaTypes.ociManifest : mediaTypes.ociIndex
}

function readManifest(root: JsonReader, mediaType: string): Manifest {
  return present<Manifest>({
    schemaVersion: 2,
    mediaType,
    artifactType: optional(root.get('artifactType'), (item) => item.string()),
    config: readDescriptor(root.get('config')),
    layers: optional(root.get('layers'), (item) => item.list(readDescriptor, maxLayers)) ?? [],
    subject: optional(root.get('subject'), readDescriptor),
    annotations: readAnnotations(root),
  })
}

function readIndex(root: JsonReader, mediaType: string): Index {
  return present<Index>({
    schemaVersion: 2,
    mediaType,
    artifactType: optional(root.get('artifactType'), (item) => item.string()),
    manifests: optional(root.get('manifests'), (item) => item.list(readDescriptor, maxIndexEntries)) ?? [],
    subject: optional(root.get('subject'), readDescriptor),
    annotations: readAnnotations(root),
  })
}

function readAnnotations(reader: JsonReader): Readonly<Record<string, string>> | undefined {
  return optional(reader.get('annotations'), (item) => item.record((value) => value.string()))
}

function readMediaType(reader: JsonReader): string {
  const type = reader.string()
  if (!/^[A-Za-z0-9][\w!#$&^.+-]{0,126}\/[A-Za-z0-9][\w!#$&^.+-]{0,126}$/.test(type))
    throw reader.fail('must be a media type')
  return type
}
