import type { Writable } from 'node:stream'
import { join } from 'node:path'
import { TsbuildError } from '../base/errors.ts'
import { writeFilesFolder, writeFilesTar } from '../build/export/files-output.ts'
import { packImage, platformFolder, writeIndex } from '../build/export/packed-image.ts'
import { shownStep } from '../build/internal-step.ts'
import { annotationsFor } from '../build/options/annotation-option.ts'
import type { Annotation } from '../build/options/annotation-option.ts'
import type { ArchiveOutput, FilesOutput, ImageForm, ImageOutput, OutputSpec } from '../build/options/output-option.ts'
import type { Result } from '../build/solver/operation.ts'
import { writeFolder } from '../image/archive/folder-archive.ts'
import { saveImages } from '../image/archive/save-images.ts'
import { writeTar } from '../image/archive/tar-archive.ts'
import { tagName } from '../image/find-image.ts'
import type { LocalImage } from '../image/image-service.ts'
import type { PackTools } from '../image/packed-layers.ts'
import { pushImage } from '../image/push-image.ts'
import { formatReference, parseReference, withDefaultTag, withDigest } from '../oci/reference.ts'
import type { Reference } from '../oci/reference.ts'
import type { Descriptor, ImageConfig } from '../oci/types.ts'
import { createWriteStream } from 'node:fs'
import type { Engine, VerbContext } from './engine.ts'

/** What came out for one platform. */
export interface BuiltPlatform {
  readonly config: ImageConfig
  readonly top: Result
}

export interface OutputsRequest {
  readonly outputs: readonly OutputSpec[]
  /** `-t`. */
  readonly names: readonly Reference[]
  readonly annotations: readonly Annotation[]
  readonly stdout: Writable
}

export interface OutputsResult {
  /** One for each platform; empty when no output makes an image. */
  readonly images: readonly LocalImage[]
  /** What the names point to. */
  readonly target?: Descriptor
  readonly names: readonly Reference[]
}

/** Writes the results of a build to all outputs. */
export async function writeOutputs(
  engine: Engine,
  built: readonly BuiltPlatform[],
  request: OutputsRequest,
  context: VerbContext,
): Promise<OutputsResult> {
  let result: OutputsResult = { images: [], names: [] }
  for (const output of request.outputs) {
    switch (output.kind) {
      case 'none':
        break
      case 'image':
        result = await writeImage(engine, built, output, request, context)
        break
      case 'archive':
        result = await writeArchive(engine, built, output, request, context)
        break
      case 'tar':
      case 'local':
        await writeFiles(engine, built, output, request, context)
        break
    }
  }
  return result
}

async function writeImage(
  engine: Engine,
  built: readonly BuiltPlatform[],
  output: ImageOutput,
  request: OutputsRequest,
  context: VerbContext,
): Promise<OutputsResult> {
  const names = namesOf(output, request)
  const made = await shownStep(context.emit, 'exporting to image', () =>
    makeImage(engine, built, output, names, request, context),
  )
  if (!output.push) return { ...made, names }
  if (names.length === 0)
    throw new TsbuildError('USAGE', 'Cannot push the image: it has no name', { hint: 'Name it with -t' })
  for (const name of names) await push(engine, made, name, output, context)
  return { ...made, names }
}

interface MadeImage {
  readonly images: readonly LocalImage[]
  readonly target: Descriptor
}

/** One platform is a plain manifest, several are an index, whose manifests need packed layers. */
async function makeImage(
  engine: Engine,
  built: readonly BuiltPlatform[],
  form: ImageForm,
  names: readonly Reference[],
  { annotations }: OutputsRequest,
  { signal }: VerbContext,
): Promise<MadeImage> {
  const { format, compression } = form
  const [single] = built
  if (built.length === 1 && single !== undefined) {
    const own = annotationsFor(annotations, 'manifest', single.config)
    const image = await engine.images.create({
      ...single,
      names,
      format,
      ...(own === undefined ? {} : { annotations: own }),
    })
    return { images: [image], target: image.target }
  }
  const tools = packTools(engine)
  const images: LocalImage[] = []
  for (const { config, top } of built) {
    const own = annotationsFor(annotations, 'manifest', config)
    const image = await engine.images.create({
      config,
      top,
      names: [],
      format,
      ...(own === undefined ? {} : { annotations: own }),
    })
    images.push(await packImage(tools, image, compression, signal))
  }
  const target = await writeIndex(tools, { images, format, annotations })
  engine.store.db.transaction(() => {
    for (const name of names) engine.imageRecords.setRef(tagName(name), target)
  })
  return { images: images.map((image) => ({ ...image, target })), target }
}

async function push(
  engine: Engine,
  made: MadeImage,
  name: Reference,
  output: ImageOutput,
  { emit, signal }: VerbContext,
): Promise<void> {
  const tools = { ...packTools(engine), registry: engine.registry }
  const [first] = made.images
  if (first === undefined) throw new Error('There is no image to push')
  const packed = output.pushByDigest ? await packImage(tools, first, output.compression, signal) : first
  const reference = output.pushByDigest ? withDigest(name, packed.target.digest) : name
  await shownStep(emit, `pushing ${formatReference(reference)}`, (ofStep) =>
    pushImage(tools, packed, reference, {
      platform: engine.settings.platform,
      compression: output.compression,
      emit: ofStep,
      signal,
    }),
  )
}

async function writeArchive(
  engine: Engine,
  built: readonly BuiltPlatform[],
  output: ArchiveOutput,
  request: OutputsRequest,
  context: VerbContext,
): Promise<OutputsResult> {
  const names = namesOf(output, request)
  const { signal } = context
  return shownStep(context.emit, `exporting to ${output.archive} archive`, async (emit) => {
    const made = await makeImage(engine, built, output, [], request, context)
    const [image] = made.images
    if (image === undefined) throw new Error('There is no image to write')
    const files = saveImages(packTools(engine), [{ image, names }], {
      format: output.archive,
      compression: output.compression,
      allPlatforms: true,
      emit,
      signal,
    })
    if (output.folder) await writeFolder(files, output.dest, signal)
    else await writeTar(files, output.dest === '-' ? request.stdout : createWriteStream(output.dest), signal)
    return { ...made, names }
  })
}

async function writeFiles(
  engine: Engine,
  built: readonly BuiltPlatform[],
  output: FilesOutput,
  { stdout }: OutputsRequest,
  { emit, signal }: VerbContext,
): Promise<void> {
  const { native, snapshots } = engine
  const split = output.platformSplit ?? built.length > 1
  await shownStep(emit, output.kind === 'tar' ? 'exporting to tar' : 'exporting to folder', async () => {
    for (const one of built) {
      const tree = snapshots.view(one.top?.id ?? null)
      if (output.kind === 'tar') {
        if (built.length > 1) {
          throw new TsbuildError('USAGE', 'Cannot write several platforms into one tar', {
            hint: 'Write them into a folder with -o type=local, or build one platform at a time',
          })
        }
        await writeFilesTar(native, tree, output.dest === '-' ? stdout : output.dest, signal)
        continue
      }
      const path = split ? join(output.dest, platformFolder(one)) : output.dest
      const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
      await writeFilesFolder(native, { tree, path, clean: output.mode === 'delete', owner, signal })
    }
  })
}

function namesOf(form: ImageForm, { names }: OutputsRequest): readonly Reference[] {
  return [...names, ...form.names.map((name) => withDefaultTag(parseReference(name)))]
}

function packTools({ store, snapshots, native, imageRecords: records }: Engine): PackTools {
  return { store, snapshots, native, records }
}
