import { join } from 'node:path'
import type { Writable } from 'node:stream'
import { openOutputFile } from '../base/output-file.ts'
import { writeFilesFolder, writeFilesTar } from '../build/export/files-output.ts'
import { platformFolder } from '../build/export/result-image.ts'
import type { BuiltPlatform } from '../build/export/result-image.ts'
import { shownStep } from '../build/internal-step.ts'
import type { FilesOutput } from '../build/options/output-option.ts'
import type { Engine, VerbContext } from './engine.ts'

export interface FilesWriteRequest {
  readonly output: FilesOutput
  readonly stdout: () => Writable
}

/** Writes the files of the results into one folder or one tar; each platform has a folder of its own in it where there are several. */
export async function writeFiles(
  { native, snapshots, settings }: Engine,
  built: readonly BuiltPlatform[],
  { output, stdout }: FilesWriteRequest,
  { emit, signal }: VerbContext,
): Promise<void> {
  const split = output.platformSplit ?? built.length > 1
  const parts = built.map((one) => ({
    tree: snapshots.view(one.top?.id ?? null),
    ...(split ? { folder: platformFolder(one) } : {}),
    ...(one.epoch === undefined ? {} : { clampMtime: Math.max(0, one.epoch) }),
  }))
  if (output.kind === 'tar') {
    await shownStep(emit, 'exporting to tar', async () => {
      if (output.dest === '-') return writeFilesTar(native, parts, stdout(), signal)
      await using file = await openOutputFile(output.dest, signal)
      await writeFilesTar(native, parts, file.stream, signal)
      await file.keep()
    })
    return
  }
  await shownStep(emit, 'exporting to folder', async () => {
    const { owner } = settings
    for (const { folder, ...part } of parts) {
      const path = folder === undefined ? output.dest : join(output.dest, folder)
      await writeFilesFolder(native, { ...part, path, clean: output.mode === 'delete', owner, signal })
    }
  })
}
