import { TsbuildError } from '../base/errors.ts'
import { artifactSource, extractArtifact } from '../image/edit/artifact.ts'
import type { ArtifactFile } from '../image/edit/artifact.ts'
import { formatLocation, parseLocation } from '../image/transfer/location.ts'
import type { Location } from '../image/transfer/location.ts'
import { withDigest } from '../oci/reference.ts'
import type { Digest } from '../oci/digest.ts'
import type { Descriptor } from '../oci/types.ts'
import { openSource } from './open-location.ts'
import type { LocationTools } from './open-location.ts'
import type { CopiedImage } from './registry-copy.ts'
import { writeEdited } from './registry-write.ts'

export interface ArtifactAttachRequest {
  /** What the artifact speaks of; or its own name when `subject` is false. */
  readonly name: string
  readonly subject: boolean
  readonly type: string
  readonly files: readonly ArtifactFile[]
  readonly annotations: Readonly<Record<string, string>>
  readonly dryRun: boolean
}

/** Stores files as an artifact, attached to an image or under a name of its own. Errors: FILE_UNREADABLE, USAGE, REGISTRY_*. */
export async function registryArtifactAttach(
  tools: LocationTools,
  request: ArtifactAttachRequest,
): Promise<CopiedImage> {
  const location = parseLocation(request.name)
  if (!request.subject) {
    const { type, files, annotations } = request
    return writeEdited(tools, await artifactSource({ type, files, annotations }), request.name, request)
  }
  if (location.kind !== 'registry') throw new TsbuildError('USAGE', 'Artifacts can be attached to images of a registry')
  const subject = (await (await openSource(tools, location)).resolve()).descriptor
  const source = await artifactSource({ ...request, subject })
  const digest = (await source.resolve()).descriptor.digest
  return writeEdited(
    tools,
    source,
    formatLocation({ kind: 'registry', reference: withDigest(location.reference, digest) }),
    request,
  )
}

export interface ArtifactListRequest {
  readonly name: string
  readonly type: string | undefined
}

/** The artifacts that refer to an image. Errors: REGISTRY_*. */
export async function registryArtifactList(
  tools: LocationTools,
  request: ArtifactListRequest,
): Promise<readonly Descriptor[]> {
  const source = await openSource(tools, parseLocation(request.name))
  const { descriptor } = await source.resolve()
  const found = await source.referrers(descriptor.digest)
  return request.type === undefined ? found : found.filter(({ artifactType }) => artifactType === request.type)
}

export interface ArtifactPullRequest {
  readonly name: string
  /** Of the artifacts attached to NAME, the one of this type; without it NAME is the artifact. */
  readonly type: string | undefined
  readonly folder: string
}

/** Writes the files of an artifact into a folder. Errors: REGISTRY_NOT_FOUND, ARCHIVE_INVALID, FILE_UNREADABLE. */
export async function registryArtifactPull(
  tools: LocationTools,
  request: ArtifactPullRequest,
): Promise<readonly string[]> {
  const location = parseLocation(request.name)
  const chosen = request.type === undefined ? location : await attached(tools, location, request)
  return extractArtifact(await openSource(tools, chosen), request.folder, tools.signal)
}

async function attached(tools: LocationTools, location: Location, request: ArtifactPullRequest): Promise<Location> {
  const found = await registryArtifactList(tools, { name: request.name, type: request.type })
  const newest: Digest | undefined = found.at(-1)?.digest
  if (location.kind === 'registry' && newest !== undefined)
    return { kind: 'registry', reference: withDigest(location.reference, newest) }
  throw new TsbuildError(
    'REGISTRY_NOT_FOUND',
    `Cannot find an artifact of type "${request.type ?? ''}" at ${request.name}`,
  )
}
