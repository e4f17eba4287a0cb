import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Transform } from 'node:stream'
import type { Writable } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import { makeDirectories } from '../../base/make-directories.ts'
import type { NativeCore, Tree } from '../../host/native.ts'

/** Descriptor of the stream in the plans `export` and `extract`. */
const streamFd = 5

/** One result in a tar. */
export interface TarPart {
  readonly tree: Tree
  /** The folder that its files are in; absent: they are at the top. */
  readonly folder?: string
  /** No time is later, in seconds. */
  readonly clampMtime?: number
}

/** Writes the merged files of results as one tar, and ends `out`. */
export async function writeFilesTar(
  native: NativeCore,
  parts: readonly TarPart[],
  out: Writable,
  signal: AbortSignal,
): Promise<void> {
  for (const { tree, folder, clampMtime } of parts) {
    const paths = folder === undefined ? null : [{ path: '/', name: folder }]
    const request = { tree, out: { fd: streamFd }, paths, clampMtime: clampMtime ?? null }
    const plan = native.start('export', request, { signal, fds: ['pipe'] })
    await Promise.all([plan.result, pipeline(pipeOf(plan.pipes), withoutEnd(), out, { end: false })])
  }
  out.end(new Uint8Array(endSize))
  await finished(out)
}

/** Bytes of the two empty blocks that end an archive. */
const endSize = 1024

/** Takes the end of an archive away, so that another can follow. */
function withoutEnd(): Transform {
  let held: Uint8Array = new Uint8Array()
  return new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      const all = chunk.byteLength >= endSize ? chunk : Buffer.concat([held, chunk])
      if (all === chunk) this.push(held)
      const end = Math.max(0, all.byteLength - endSize)
      this.push(all.subarray(0, end))
      held = all.subarray(end)
      done()
    },
  })
}

export interface FolderRequest {
  readonly tree: Tree
  readonly path: string
  /** What else is in the folder goes away. */
  readonly clean: boolean
  /** The files belong to this user, as what a program writes does. */
  readonly owner: { readonly uid: number; readonly gid: number }
  /** No time is later, in seconds. */
  readonly clampMtime?: number
  readonly signal: AbortSignal
}

/** Writes the merged files of a result into a folder. */
export async function writeFilesFolder(
  native: NativeCore,
  { tree, path, clean, owner, clampMtime, signal }: FolderRequest,
): Promise<void> {
  makeDirectories(path)
  if (clean) {
    for (const name of await readdir(path)) await rm(join(path, name), { recursive: true, force: true })
  }
  const reader = native.start(
    'export',
    { tree, out: { fd: streamFd }, paths: null, clampMtime: clampMtime ?? null },
    { signal, fds: ['pipe'] },
  )
  const user = { user: String(owner.uid), group: String(owner.gid) }
  const writer = native.start(
    'extract',
    { tree: { kind: 'dir', path }, in: { fd: streamFd }, dest: '/', owner: user },
    { signal, fds: ['pipe'] },
  )
  await Promise.all([reader.result, writer.result, pipeline(pipeOf(reader.pipes), pipeOf(writer.pipes))])
}

function pipeOf<T>([pipe]: readonly (T | null)[]): T {
  if (pipe === null || pipe === undefined) throw new Error('The plan has no pipe')
  return pipe
}
