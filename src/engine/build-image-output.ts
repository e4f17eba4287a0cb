import { resultImage } from '../build/export/result-image.ts'
import type { BuiltPlatform, ResultImage } from '../build/export/result-image.ts'
import { shownStep } from '../build/internal-step.ts'
import type { Annotation } from '../build/options/annotation-option.ts'
import type { ImageOutput } from '../build/options/output-option.ts'
import { digestName, tagName } from '../image/find-image.ts'
import type { ImageRecords } from '../image/image-records.ts'
import { pushImage } from '../image/push-image.ts'
import { formatReference, parseRepository, withDigest } from '../oci/reference.ts'
import type { Reference } from '../oci/reference.ts'
import type { Descriptor } from '../oci/types.ts'
import type { RegistryClient } from '../registry/client.ts'
import type { Engine, VerbContext } from './engine.ts'
import { packTools } from './pack-tools.ts'

export interface ImageWriteRequest {
  readonly output: ImageOutput
  readonly names: readonly Reference[]
  readonly annotations: readonly Annotation[]
}

export interface WrittenImage extends ResultImage {
  readonly names: readonly Reference[]
}

/**
 * Puts the image into the store under its names, and into their registries with `push`. The target of a pushed image is what its
 * registry has: its layers are packed there.
 */
export async function writeImage(
  engine: Engine,
  built: readonly BuiltPlatform[],
  { output, names, annotations }: ImageWriteRequest,
  context: VerbContext,
): Promise<WrittenImage> {
  const { emit, signal } = context
  const made = await shownStep(emit, 'exporting to image', async (ofStep): Promise<WrittenImage> => {
    const { push, pushByDigest, nameCanonical, danglingNamePrefix } = output
    // Its digest becomes a name, so it must be the one that the registry gets.
    const packed = pushByDigest || (push && (nameCanonical || danglingNamePrefix !== undefined))
    const image = await resultImage(
      packTools(engine),
      built,
      { ...output, annotations, packed },
      { emit: ofStep, signal },
    )
    const dangling =
      names.length === 0 && danglingNamePrefix !== undefined
        ? [withDigest(parseRepository(danglingNamePrefix), image.target.digest)]
        : []
    const named = { ...image, names: [...names, ...dangling] }
    if (output.store) record(engine, named, output)
    return named
  })
  if (!output.push) return made
  await using stack = new AsyncDisposableStack()
  const registry = output.insecureRegistry
    ? async () => stack.use(await openInsecureClient(engine, made.names))
    : engine.registry
  let target = made.target
  for (const name of made.names) target = await push(engine, made, name, { output, registry }, context)
  return { ...made, target }
}

function record(
  { store, imageRecords }: Engine,
  { images, target, names }: WrittenImage,
  { pushByDigest, nameCanonical }: ImageOutput,
): void {
  store.db.transaction(() => {
    for (const { manifestDescriptor, id } of images) imageRecords.addImage(manifestDescriptor.digest, id)
    for (const name of names) {
      const byDigest = name.digest !== undefined
      // A push by digest leaves no tag in the registry, and none here.
      if (!byDigest && !pushByDigest) imageRecords.setRef(tagName(name), target)
      if (byDigest || nameCanonical) imageRecords.setRef(digestName(name, target.digest), target)
    }
  })
}

/** A client that needs no certificate of the registries of these names. */
async function openInsecureClient({ settings, native }: Engine, names: readonly Reference[]): Promise<RegistryClient> {
  const { openRegistryClient } = await import('./open-registry-client.ts')
  const registries = async (): ReturnType<typeof settings.registries> => {
    const known = await settings.registries()
    return { ...known, insecure: [...known.insecure, ...names.map(({ registry }) => registry)] }
  }
  return openRegistryClient({ ...settings, registries }, { native })
}

/** The pushed image is then only in its registry. */
function forgetful(records: ImageRecords): ImageRecords {
  return { ...records, addImage: () => {}, setRef: () => {} }
}

interface PushWay {
  readonly output: ImageOutput
  readonly registry: () => Promise<RegistryClient>
}

async function push(
  engine: Engine,
  { images: [image], target }: ResultImage,
  name: Reference,
  { output: { pushByDigest, compression, store }, registry }: PushWay,
  { emit, signal }: VerbContext,
): Promise<Descriptor> {
  if (image === undefined) throw new Error('There is no image to push')
  const pack = packTools(engine)
  const tools = { ...pack, ...(store ? {} : { records: forgetful(pack.records) }), registry }
  const reference = pushByDigest ? withDigest(name, target.digest) : name
  return shownStep(emit, `pushing ${formatReference(reference)}`, async (ofStep) => {
    const options = { platform: engine.settings.platform, compression, emit: ofStep, signal }
    return (await pushImage(tools, image, reference, options)).descriptor
  })
}
