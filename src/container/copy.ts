import { posix } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { TsbuildError } from '../base/errors.ts'
import { sparingly } from '../base/sparingly.ts'
import type { NativeCore } from '../host/native.ts'
import { look, lookTo } from './copy-place.ts'
import type { CopyPlace } from './copy-place.ts'

export interface CopyOptions {
  /** Who owns the copies; null: as in the source. */
  readonly owner: { readonly user: string; readonly group: string } | null
  /** Copy what a symbolic link points to, not the link. */
  readonly followLink: boolean
  readonly signal: AbortSignal
}

/**
 * Copies a file or directory from one tree into another, by the rules of `docker cp`. Nothing outside the two trees is read or
 * written, whatever links they hold. Gives the bytes of the archive that went over. PATH_MISSING, NOT_A_DIRECTORY.
 */
export async function copyPath(
  native: NativeCore,
  from: CopyPlace,
  to: CopyPlace,
  options: CopyOptions,
): Promise<number> {
  const source = await look(native, from, options.followLink)
  if (source === undefined) throw missing(from)
  const target = await targetOf(native, from, source.isDirectory, to)
  return await transfer(
    native,
    { tree: from.tree, ...exported(source.path, target.name) },
    { tree: to.tree, dest: target.directory },
    options,
  )
}

/** Writes a path as a tar, its entry under the path's last name; `/.` at its end gives what is in the directory, below `.`. PATH_MISSING, NOT_A_DIRECTORY. */
export async function copyOut(native: NativeCore, from: CopyPlace, to: Writable, options: CopyOptions): Promise<void> {
  const source = await look(native, from, options.followLink)
  if (source === undefined) throw missing(from)
  const contentOnly = from.path.endsWith('/.')
  const name = contentOnly ? '.' : posix.basename(options.followLink ? source.path : posix.normalize(from.path)) || '.'
  const exporting = native.start(
    'export',
    { tree: from.tree, out: { fd: 5 }, ...exported(source.path, name === '.' ? undefined : name) },
    { signal: options.signal, fds: ['pipe'] },
  )
  await Promise.all([exporting.result, pipeline(exporting.pipes[0]!, sparingly, to, { end: false })])
}

/** Unpacks a tar into an existing directory. PATH_MISSING, NOT_A_DIRECTORY, LAYER_INVALID for what is no tar. */
export async function copyIn(native: NativeCore, from: Readable, to: CopyPlace, options: CopyOptions): Promise<void> {
  const target = await look(native, to, true)
  if (target === undefined) throw missing(to)
  if (!target.isDirectory) throw notDirectory(`destination "${to.name}" must be a directory`)
  const extracting = native.start(
    'extract',
    { tree: to.tree, in: { fd: 5 }, dest: target.path, owner: options.owner, conflicts: 'refuse' },
    { signal: options.signal, fds: ['pipe'] },
  )
  await Promise.all([extracting.result, pipeline(from, sparingly, extracting.pipes[0]!)])
}

interface Target {
  readonly directory: string
  /** Name that the copy gets; undefined: the content of the source goes into the directory. */
  readonly name: string | undefined
}

async function targetOf(native: NativeCore, from: CopyPlace, isDirectory: boolean, to: CopyPlace): Promise<Target> {
  const found = await lookTo(native, to, true)
  const contentOnly = isDirectory && /(^|\/)\.$/.test(from.path)
  if (found?.isDirectory === true) {
    return { directory: found.path, name: contentOnly ? undefined : posix.basename(posix.normalize(from.path)) }
  }
  if (found?.isMissing === true) {
    // As cp and docker: through a link to where nothing is, the copy is made there.
    if (isDirectory) throw missing(to)
    return { directory: posix.dirname(found.path), name: posix.basename(found.path) }
  }
  if (found !== undefined) {
    if (isDirectory) throw notDirectory(`cannot copy directory "${from.name}" to "${to.name}": it is not a directory`)
    return { directory: posix.dirname(found.path), name: posix.basename(found.path) }
  }
  const path = posix.normalize(to.path)
  if (!isDirectory && path.endsWith('/')) throw missing(to, 'destination directory')
  const clean = path.replace(/(.)\/+$/, '$1')
  const parent = await look(native, { ...to, path: posix.dirname(clean) }, true)
  if (parent === undefined)
    throw missing({ ...to, name: to.name.slice(0, to.name.lastIndexOf('/')) || '/' }, 'destination directory')
  if (!parent.isDirectory) throw notDirectory(`"${posix.dirname(clean)}" is not a directory`)
  return { directory: parent.path, name: posix.basename(clean) }
}

/** The members of an export plan: one path under a name, or what a directory holds. */
function exported(path: string, name: string | undefined): { readonly paths: readonly unknown[] } {
  if (name !== undefined) return { paths: [{ path, name }] }
  return { paths: [path === '/' ? '/' : `${path}/.`] }
}

async function transfer(
  native: NativeCore,
  source: { readonly tree: CopyPlace['tree']; readonly paths: readonly unknown[] },
  target: { readonly tree: CopyPlace['tree']; readonly dest: string },
  { owner, signal }: CopyOptions,
): Promise<number> {
  const abort = new AbortController()
  const either = AbortSignal.any([signal, abort.signal])
  const exporting = native.start('export', { ...source, out: { fd: 5 } }, { signal: either, fds: ['pipe'] })
  const extracting = native.start(
    'extract',
    { ...target, in: { fd: 5 }, owner, conflicts: 'refuse' },
    { signal: either, fds: ['pipe'] },
  )
  const stopOther = (error: unknown): never => {
    abort.abort(error)
    throw error
  }
  const moved = pipeline(exporting.pipes[0]!, sparingly, extracting.pipes[0]!)
  const results = await Promise.allSettled([
    exporting.result.catch(stopOther),
    extracting.result.catch(stopOther),
    moved,
  ])
  signal.throwIfAborted()
  // The pipe breaks when one end fails, and the other end is then stopped: only the first failure is the news.
  const failure =
    results.find((result) => result.status === 'rejected' && result.reason === abort.signal.reason) ??
    results.find((result) => result.status === 'rejected')
  if (failure?.status === 'rejected') throw failure.reason
  const [sent] = results
  return sent?.status === 'fulfilled' ? Number(sent.value['size'] ?? 0) : 0
}

function missing(place: CopyPlace, what = 'the path'): TsbuildError {
  return new TsbuildError('PATH_MISSING', `Could not find ${what} "${place.name}"`, { details: { path: place.path } })
}

function notDirectory(message: string): TsbuildError {
  return new TsbuildError('NOT_A_DIRECTORY', message)
}
