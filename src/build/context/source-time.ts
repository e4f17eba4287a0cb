import { lstat, mkdir, readdir, rm } from 'node:fs/promises'
import { TsbuildError } from '../../base/errors.ts'
import type { NativeCore } from '../../host/native.ts'
import { isArchive } from './archive-kind.ts'
import { unpack } from './unpack.ts'

/** Time of the newest file below a folder in milliseconds; links are not followed. Undefined where there is none. */
export async function newestFile(folder: string): Promise<number | undefined> {
  return await newestBelow(Buffer.from(folder))
}

/** Names need not be UTF-8. */
async function newestBelow(folder: Buffer): Promise<number | undefined> {
  let newest: number | undefined
  for (const entry of await readdir(folder, { withFileTypes: true, encoding: 'buffer' })) {
    const path = Buffer.concat([folder, Buffer.from('/'), entry.name])
    const time = entry.isDirectory()
      ? await newestBelow(path)
      : entry.isFile()
        ? (await lstat(path)).mtimeMs
        : undefined
    if (time !== undefined && (newest === undefined || time > newest)) newest = time
  }
  return newest
}

/** As `newestFile`, for the files of an archive; `folder` holds them meanwhile. Undefined for what is no archive. */
export async function newestInArchive(
  archive: string,
  folder: string,
  tools: { readonly native: NativeCore; readonly signal: AbortSignal },
): Promise<number | undefined> {
  if (!(await isArchive(archive))) return undefined
  await mkdir(folder, { mode: 0o700 })
  try {
    await unpack(archive, folder, tools)
    return await newestFile(folder)
  } catch (error) {
    if (error instanceof TsbuildError && error.kind !== 'cancelled') return undefined
    throw error
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
