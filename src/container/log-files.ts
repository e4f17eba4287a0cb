import { open, stat } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { createGunzip } from 'node:zlib'
import { hasErrno } from '../base/errors.ts'

/** One of the files of a log; `PATH.1` is the one before `PATH`, and a rotated one may be compressed. */
export interface LogFile {
  readonly path: string
  readonly inode: bigint
  /** Of the file that was compressed into this one. */
  readonly original?: bigint
}

/** An open file of a log and how far it has been read. */
export interface LogCursor {
  readonly file: FileHandle
  readonly inode: bigint
  readonly packed: boolean
  /** Of the text. */
  offset: number
}

const chunkSize = 256 * 1024

/** Oldest first. One number may be missing: a rotation renames the files one after the other. */
export async function logFiles(path: string): Promise<readonly LogFile[]> {
  const files: LogFile[] = []
  for (let number = 0, missing = 0; missing < 2 || number < 3; number += 1) {
    const name = number === 0 ? path : `${path}.${number}`
    const file = (await plainFile(name)) ?? (number === 0 ? undefined : await packedFile(`${name}.gz`))
    missing = file === undefined ? missing + 1 : 0
    if (file !== undefined) files.unshift(file)
  }
  return files
}

/**
 * Where the file of a cursor is in a list of them, -1 when it is gone. The file itself is held open, so its inode is nobody else's; what one that is
 * compressed was before may have been reused since, hence the newest counts.
 */
export function indexOfCursor(files: readonly LogFile[], { inode, packed }: LogCursor): number {
  return files.findLastIndex((file) =>
    file.original === undefined ? file.inode === inode : packed ? file.inode === inode : file.original === inode,
  )
}

/** Undefined when another file has got the name meanwhile. */
export async function openLogFile(wanted: LogFile): Promise<LogCursor | undefined> {
  const file = await openExisting(wanted.path)
  if (file === undefined) return undefined
  const { ino } = await file.stat({ bigint: true })
  if (ino === wanted.inode) return { file, inode: ino, packed: wanted.original !== undefined, offset: 0 }
  await file.close()
  return undefined
}

/** What was written since the cursor's offset, which stays as it is. The buffer is used again for the next piece. */
export async function* newText({ file, packed, offset }: LogCursor): AsyncGenerator<Buffer> {
  if (packed) {
    if (offset === 0) yield* file.createReadStream({ start: 0, autoClose: false }).pipe(createGunzip())
    return
  }
  const buffer = Buffer.allocUnsafe(chunkSize)
  for (let at = offset; ;) {
    const { bytesRead } = await file.read(buffer, 0, chunkSize, at)
    if (bytesRead === 0) return
    at += bytesRead
    yield buffer.subarray(0, bytesRead)
  }
}

/** 0 when it is gone. */
export async function countLines(wanted: LogFile): Promise<number> {
  const cursor = await openLogFile(wanted)
  if (cursor === undefined) return 0
  let lines = 0
  try {
    for await (const text of newText(cursor))
      for (let at = text.indexOf(10); at >= 0; at = text.indexOf(10, at + 1)) lines += 1
  } finally {
    await cursor.file.close()
  }
  return lines
}

async function plainFile(path: string): Promise<LogFile | undefined> {
  try {
    return { path, inode: (await stat(path, { bigint: true })).ino }
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined
    throw error
  }
}

/** The header's extra field `TS` names the original: see `native/monitor/log_files.c`. */
async function packedFile(path: string): Promise<LogFile | undefined> {
  const file = await openExisting(path)
  if (file === undefined) return undefined
  try {
    const { ino } = await file.stat({ bigint: true })
    const header = Buffer.alloc(24)
    await file.read(header, 0, header.length, 0)
    const isOurs = header[3] === 4 && header.toString('latin1', 12, 14) === 'TS'
    return { path, inode: ino, original: isOurs ? header.readBigUInt64LE(16) : 0n }
  } finally {
    await file.close()
  }
}

async function openExisting(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r')
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined
    throw error
  }
}
