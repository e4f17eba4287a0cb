import type { Writable } from 'node:stream'
import { TsbuildError } from '../base/errors.ts'
import type { BuiltPlatform, ResultImage } from '../build/export/result-image.ts'
import type { Annotation } from '../build/options/annotation-option.ts'
import type { ImageForm, OutputSpec } from '../build/options/output-option.ts'
import type { LocalImage } from '../image/image-service.ts'
import { parseReference, withDefaultTag } from '../oci/reference.ts'
import type { Reference } from '../oci/reference.ts'
import type { Descriptor } from '../oci/types.ts'
import { writeArchive } from './build-archive-output.ts'
import { writeFiles } from './build-files-output.ts'
import { writeImage } from './build-image-output.ts'
import type { Engine, VerbContext } from './engine.ts'

export interface OutputsRequest {
  readonly outputs: readonly OutputSpec[]
  /** `-t`. */
  readonly names: readonly Reference[]
  readonly annotations: readonly Annotation[]
  readonly stdout: () => Writable
}

export interface OutputsResult {
  /** One for each platform; empty when no output makes an image. */
  readonly images: readonly LocalImage[]
  /** What left the store where an output sends it away, else what the names of the store point to. */
  readonly target?: Descriptor
  readonly names: readonly Reference[]
}

/** Refuses what no result could fulfil, before anything is built. USAGE, REFERENCE_INVALID. */
export function checkOutputs({ outputs, names, annotations }: Omit<OutputsRequest, 'stdout'>, platforms: number): void {
  for (const output of outputs) {
    if (output.kind !== 'image' && output.kind !== 'archive') continue
    if (output.kind === 'image' && output.push && namesOf(output, names).length === 0) {
      throw new TsbuildError('USAGE', 'Cannot push the image: it has no name', { hint: 'Name it with -t' })
    }
    const ofIndex = [...annotations, ...output.annotations].find(({ scope }) => scope.startsWith('index'))
    if (ofIndex === undefined || platforms > 1) continue
    throw new TsbuildError('USAGE', `Cannot annotate the index with "${ofIndex.key}": one platform has no index`, {
      hint: 'Annotate the manifest, or build for several platforms',
    })
  }
}

/** Writes the results of a build to all outputs. */
export async function writeOutputs(
  engine: Engine,
  built: readonly BuiltPlatform[],
  request: OutputsRequest,
  context: VerbContext,
): Promise<OutputsResult> {
  const rewritten = request.outputs.some((output) => 'rewriteTimestamp' in output && output.rewriteTimestamp)
  if (rewritten && built.some(({ epoch }) => epoch === undefined)) {
    const text = 'rewrite-timestamp has no effect: there is no SOURCE_DATE_EPOCH'
    context.emit({ kind: 'notice', level: 'warning', text, hint: 'Pass --build-arg SOURCE_DATE_EPOCH=SECONDS' })
  }
  let result: OutputsResult = { images: [], names: [] }
  for (const output of request.outputs) {
    switch (output.kind) {
      case 'none':
        break
      case 'image':
      case 'archive': {
        const names = namesOf(output, request.names)
        const annotations = [...request.annotations, ...output.annotations]
        const write = { names, annotations, stdout: request.stdout }
        const made: ResultImage =
          output.kind === 'image'
            ? await writeImage(engine, built, { output, ...write }, context)
            : await writeArchive(engine, built, { output, ...write }, context)
        result = { ...made, names }
        break
      }
      case 'tar':
      case 'local':
        await writeFiles(engine, built, { output, stdout: request.stdout }, context)
        break
    }
  }
  return result
}

function namesOf(form: ImageForm, names: readonly Reference[]): readonly Reference[] {
  return [...names, ...form.names.map((name) => withDefaultTag(parseReference(name)))]
}
