import { TsbuildError } from '../base/errors.ts'
import { editContent } from '../image/edit/edit-content.ts'
import { readSourceImage } from '../image/edit/read-image.ts'
import { proveRebase, rebasedImage } from '../image/edit/rebase.ts'
import type { RebaseProof } from '../image/edit/rebase.ts'
import { parseLocation } from '../image/transfer/location.ts'
import type { Platform } from '../oci/types.ts'
import type { BlobSource } from '../registry/upload-blob.ts'
import { openSource } from './open-location.ts'
import type { LocationTools } from './open-location.ts'
import type { CopiedImage } from './registry-copy.ts'
import { writeEdited } from './registry-write.ts'

export interface RegistryRebaseRequest {
  readonly source: string
  readonly oldBase: string
  readonly newBase: string
  readonly target: string | undefined
  readonly platform: Platform
  /** Also when the proof finds conflicts. */
  readonly force: boolean
  readonly dryRun: boolean
}

export interface RebasedImage extends CopiedImage {
  readonly proof: RebaseProof
}

/** Moves an image from one base to another without a build, after a proof that nothing gets lost. Errors: MANIFEST_INVALID with the conflicts, and those of the places. */
export async function registryRebase(tools: LocationTools, request: RegistryRebaseRequest): Promise<RebasedImage> {
  const open = async (text: string): Promise<Parameters<typeof proveRebase>[0]['app']> => {
    const source = await openSource(tools, parseLocation(text))
    return { source, image: await readSourceImage(source, request.platform) }
  }
  const input = {
    app: await open(request.source),
    oldBase: await open(request.oldBase),
    newBase: await open(request.newBase),
  }
  const proof = await proveRebase(input)
  if (proof.conflicts.length > 0 && !request.force) {
    throw new TsbuildError(
      'MANIFEST_INVALID',
      `Cannot rebase ${request.source}: its own layers touch what differs between the bases: ${proof.conflicts.slice(0, 10).join(', ')}${proof.conflicts.length > 10 ? ` and ${proof.conflicts.length - 10} more` : ''}`,
      {
        hint: 'Build it again on the new base, or use --force when the differences do not matter',
        details: { conflicts: proof.conflicts },
      },
    )
  }
  const { manifestLayers, config } = rebasedImage(input)
  const blobs: BlobSource[] = []
  for (const layer of input.newBase.image.manifest.layers) blobs.push(await input.newBase.source.blob(layer))
  const single = { ...input.app.source, resolve: () => input.app.source.manifest(input.app.image.descriptor.digest) }
  const edited = await editContent(single, {
    image: async ({ manifest }) => ({
      manifest: {
        ...manifest,
        layers: manifestLayers,
        annotations: { ...manifest.annotations, ...baseAnnotations(request, input.newBase.image.descriptor.digest) },
      },
      config,
      blobs,
    }),
  })
  return { ...(await writeEdited(tools, edited, request.target ?? request.source, request)), proof }
}

/** OCI image-spec "Pre-Defined Annotation Keys". */
function baseAnnotations(request: RegistryRebaseRequest, digest: string): Readonly<Record<string, string>> {
  return { 'org.opencontainers.image.base.name': request.newBase, 'org.opencontainers.image.base.digest': digest }
}
