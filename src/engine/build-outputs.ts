import { realpathSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import type { Writable } from 'node:stream'
import { TsbuildError } from '../base/errors.ts'
import type { BuiltPlatform } from '../build/export/result-image.ts'
import type { Annotation } from '../build/options/annotation-option.ts'
import type { ImageForm, ImageOutput, OutputSpec } from '../build/options/output-option.ts'
import type { LocalImage } from '../image/image-service.ts'
import { parseReference, parseRepository, withDefaultTag } from '../oci/reference.ts'
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

export interface OutputsPlace {
  /** Their number. */
  readonly platforms: number
  readonly cwd: string
  /** Entitlements. */
  readonly allow: ReadonlySet<string>
}

const deletion = 'buildx.local.delete'

/** Refuses what no result could fulfil, before anything is built. USAGE, REFERENCE_INVALID, ENTITLEMENT_MISSING. */
export function checkOutputs(
  { outputs, names, annotations }: Omit<OutputsRequest, 'stdout'>,
  { platforms, cwd, allow }: OutputsPlace,
): void {
  for (const output of outputs) {
    if (output.kind === 'local' && output.mode === 'delete' && !allow.has(deletion)) refuseDeletion(output.dest, cwd)
    if (output.kind !== 'image' && output.kind !== 'archive') continue
    if (output.kind === 'image') checkNames(output, namesOf(output, names))
    const ofIndex = [...annotations, ...output.annotations].find(({ scope }) => scope.startsWith('index'))
    if (ofIndex === undefined || platforms > 1) continue
    throw new TsbuildError('USAGE', `Cannot annotate the index with "${ofIndex.key}": one platform has no index`, {
      hint: 'Annotate the manifest, or build for several platforms',
    })
  }
}

function checkNames({ push, danglingNamePrefix }: ImageOutput, names: readonly Reference[]): void {
  if (danglingNamePrefix !== undefined) parseRepository(danglingNamePrefix)
  else if (push && names.length === 0) {
    throw new TsbuildError('USAGE', 'Cannot push the image: it has no name', { hint: 'Name it with -t' })
  }
}

/** As in buildx a build may empty folders below the one that it is called in; no other, and not that one itself. */
function refuseDeletion(dest: string, cwd: string): void {
  const way = relative(existingPath(cwd), existingPath(dest))
  if (way !== '' && way !== '..' && !way.startsWith('../')) return
  const message = `Cannot delete what else is in "${dest}": it is not below the working directory`
  throw new TsbuildError('ENTITLEMENT_MISSING', message, { hint: `Allow it with --allow ${deletion}` })
}

/** The path without links, as far as it can be followed. */
function existingPath(path: string): string {
  try {
    return realpathSync.native(path)
  } catch {
    const parent = dirname(path)
    return parent === path ? path : join(existingPath(parent), basename(path))
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
        result =
          output.kind === 'image'
            ? await writeImage(engine, built, { output, ...write }, context)
            : { ...(await writeArchive(engine, built, { output, ...write }, context)), names }
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
