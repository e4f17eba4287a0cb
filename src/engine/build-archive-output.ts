import type { Writable } from 'node:stream'
import { openOutputFile } from '../base/output-file.ts'
import { resultImage } from '../build/export/result-image.ts'
import type { BuiltPlatform, ResultImage } from '../build/export/result-image.ts'
import { shownStep } from '../build/internal-step.ts'
import { annotationsFor } from '../build/options/annotation-option.ts'
import type { Annotation } from '../build/options/annotation-option.ts'
import type { ArchiveOutput } from '../build/options/output-option.ts'
import { writeFolder } from '../image/archive/folder-archive.ts'
import { saveImages } from '../image/archive/save-images.ts'
import { writeTar } from '../image/archive/tar-archive.ts'
import type { Reference } from '../oci/reference.ts'
import { documentOverlay } from '../store/document-overlay.ts'
import { packTools } from './pack-tools.ts'
import type { Engine, VerbContext } from './engine.ts'

export interface ArchiveWriteRequest {
  readonly output: ArchiveOutput
  readonly names: readonly Reference[]
  readonly annotations: readonly Annotation[]
  readonly stdout: () => Writable
}

/** Writes the image as an archive or layout folder; the store does not get it. */
export async function writeArchive(
  engine: Engine,
  built: readonly BuiltPlatform[],
  { output, names, annotations, stdout }: ArchiveWriteRequest,
  { emit, signal }: VerbContext,
): Promise<ResultImage> {
  const { format, compression, archive } = output
  const tools = packTools(engine, documentOverlay(engine.store.content))
  return shownStep(emit, `exporting to ${archive} archive`, async (ofStep) => {
    const packed = compression.kind !== 'none' || compression.force === true
    const form = { format, compression, annotations, packed }
    const made = await resultImage(tools, built, form, { emit: ofStep, signal })
    const [image] = made.images
    if (image === undefined) throw new Error('There is no image to write')
    const ofEntry = annotationsFor(
      annotations,
      built.length > 1 ? 'index-descriptor' : 'manifest-descriptor',
      image.config,
    )
    const files = saveImages(tools, [{ image, names, ...(ofEntry === undefined ? {} : { annotations: ofEntry }) }], {
      format: archive,
      compression,
      allPlatforms: true,
      emit: ofStep,
      signal,
    })
    if (output.folder) await writeFolder(files, output.dest, signal)
    else if (output.dest === '-') await writeTar(files, stdout(), signal)
    else {
      await using file = await openOutputFile(output.dest, signal)
      await writeTar(files, file.stream, signal)
      await file.keep()
    }
    return made
  })
}
