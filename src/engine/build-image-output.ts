import { resultImage } from '../build/export/result-image.ts'
import type { BuiltPlatform, ResultImage } from '../build/export/result-image.ts'
import { shownStep } from '../build/internal-step.ts'
import type { Annotation } from '../build/options/annotation-option.ts'
import type { ImageOutput } from '../build/options/output-option.ts'
import { tagName } from '../image/find-image.ts'
import { pushImage } from '../image/push-image.ts'
import { formatReference, withDigest } from '../oci/reference.ts'
import type { Reference } from '../oci/reference.ts'
import type { Descriptor } from '../oci/types.ts'
import { packTools } from './pack-tools.ts'
import type { Engine, VerbContext } from './engine.ts'

export interface ImageWriteRequest {
  readonly output: ImageOutput
  readonly names: readonly Reference[]
  readonly annotations: readonly Annotation[]
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
): Promise<ResultImage> {
  const made = await shownStep(context.emit, 'exporting to image', async (emit) => {
    const form = { ...output, annotations, packed: output.pushByDigest }
    const image = await resultImage(packTools(engine), built, form, { emit, signal: context.signal })
    // A push by digest leaves no tag in the registry, and none here.
    record(engine, image, output.pushByDigest ? [] : names)
    return image
  })
  if (!output.push) return made
  let target = made.target
  for (const name of names) target = await push(engine, made, name, output, context)
  return { ...made, target }
}

function record({ store, imageRecords }: Engine, { images, target }: ResultImage, names: readonly Reference[]): void {
  store.db.transaction(() => {
    for (const { manifestDescriptor, id } of images) imageRecords.addImage(manifestDescriptor.digest, id)
    for (const name of names) imageRecords.setRef(tagName(name), target)
  })
}

async function push(
  engine: Engine,
  { images: [image], target }: ResultImage,
  name: Reference,
  { pushByDigest, compression }: ImageOutput,
  { emit, signal }: VerbContext,
): Promise<Descriptor> {
  if (image === undefined) throw new Error('There is no image to push')
  const tools = { ...packTools(engine), registry: engine.registry }
  const reference = pushByDigest ? withDigest(name, target.digest) : name
  return shownStep(emit, `pushing ${formatReference(reference)}`, async (ofStep) => {
    const options = { platform: engine.settings.platform, compression, emit: ofStep, signal }
    return (await pushImage(tools, image, reference, options)).descriptor
  })
}
