import { createWriteStream } from 'node:fs'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { NativeCore, Tree } from '../../host/native.ts'

/** Descriptor of the stream in the plans `export` and `extract`. */
const streamFd = 5

/** Writes the merged files of a result as a tar. */
export async function writeFilesTar(
  native: NativeCore,
  tree: Tree,
  out: string | Writable,
  signal: AbortSignal,
): Promise<void> {
  const plan = native.start('export', { tree, out: { fd: streamFd }, paths: null }, { signal, fds: ['pipe'] })
  const [pipe] = plan.pipes
  if (pipe === null || pipe === undefined) throw new Error('The export has no pipe')
  const temporary = typeof out === 'string' ? `${out}.tmp` : undefined
  try {
    const sink = typeof out === 'string' ? createWriteStream(`${out}.tmp`) : out
    await Promise.all([plan.result, pipeline(pipe, sink, { end: typeof out === 'string' })])
    if (typeof out === 'string') {
      const { rename } = await import('node:fs/promises')
      await rename(`${out}.tmp`, out)
    }
  } catch (error) {
    if (temporary !== undefined) await rm(temporary, { force: true })
    throw error
  }
}

export interface FolderRequest {
  readonly tree: Tree
  readonly path: string
  /** What else is in the folder goes away. */
  readonly clean: boolean
  /** The files belong to this user, as what a program writes does. */
  readonly owner: { readonly uid: number; readonly gid: number }
  readonly signal: AbortSignal
}

/** Writes the merged files of a result into a folder. */
export async function writeFilesFolder(
  native: NativeCore,
  { tree, path, clean, owner, signal }: FolderRequest,
): Promise<void> {
  await mkdir(path, { recursive: true })
  if (clean) {
    for (const name of await readdir(path)) await rm(join(path, name), { recursive: true, force: true })
  }
  const reader = native.start('export', { tree, out: { fd: streamFd }, paths: null }, { signal, fds: ['pipe'] })
  const user = { user: String(owner.uid), group: String(owner.gid) }
  const writer = native.start(
    'extract',
    { tree: { kind: 'dir', path }, in: { fd: streamFd }, dest: '/', owner: user },
    { signal, fds: ['pipe'] },
  )
  const [source] = reader.pipes
  const [sink] = writer.pipes
  if (source === null || source === undefined || sink === null || sink === undefined)
    throw new Error('A plan has no pipe')
  await Promise.all([reader.result, writer.result, pipeline(source, sink)])
}
