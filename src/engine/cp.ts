import { resolve } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { TsbuildError } from '../base/errors.ts'
import { recordEvent } from '../container/container-events.ts'
import { copyIn, copyOut, copyPath } from '../container/copy.ts'
import type { CopyOptions } from '../container/copy.ts'
import { containerPlace, hostPlace } from '../container/copy-place.ts'
import type { CopyPlace } from '../container/copy-place.ts'
import { settledByName } from '../container/settle.ts'
import type { Engine, VerbContext } from './engine.ts'

export interface CpRequest {
  /** `CONTAINER:PATH`, a path of the host, or `-` for an archive on the stream. */
  readonly source: string
  readonly target: string
  /** Keep owners. */
  readonly archive: boolean
  readonly followLink: boolean
  readonly stdin: () => Readable
  readonly stdout: Writable
}

/** Copies between host and containers, or from one container to another. Gives the bytes that went over; undefined for streams. CONTAINER_NOT_FOUND, PATH_MISSING, NOT_A_DIRECTORY, USAGE. */
export async function cp(engine: Engine, request: CpRequest, context: VerbContext): Promise<number | undefined> {
  const { source, target, archive, followLink } = request
  const [from, to] = [parsePlace(source), parsePlace(target)]
  if (from.kind !== 'container' && to.kind !== 'container') {
    throw usage('must specify at least one container source: one side is CONTAINER:PATH')
  }
  // What goes into a container keeps its numbers, as with docker; what comes out belongs to whoever asked, unless they want it otherwise.
  const { uid, gid } = engine.settings.owner
  const owner = archive || to.kind === 'container' ? null : { user: String(uid), group: String(gid) }
  const options: CopyOptions = { owner, followLink, signal: context.signal }
  if (from.kind === 'stream') {
    await copyIn(engine.native, request.stdin(), await placeOf(engine, to, 'extract-to-dir'), options)
    return undefined
  }
  if (to.kind === 'stream') {
    await copyOut(engine.native, await placeOf(engine, from, 'archive-path'), request.stdout, options)
    return undefined
  }
  return await copyPath(
    engine.native,
    await placeOf(engine, from, 'archive-path'),
    await placeOf(engine, to, 'extract-to-dir'),
    options,
  )
}

type Written =
  | { readonly kind: 'container'; readonly container: string; readonly path: string }
  | { readonly kind: 'host'; readonly path: string }
  | { readonly kind: 'stream' }

/** A colon makes it a container's, unless a slash or a dot at the start says that it is a path. */
function parsePlace(text: string): Written {
  if (text === '-') return { kind: 'stream' }
  const at = text.indexOf(':')
  if (at < 1 || /^[./]/.test(text)) return { kind: 'host', path: text }
  const path = text.slice(at + 1)
  if (path === '') throw usage(`"${text}" names no path`)
  return { kind: 'container', container: text.slice(0, at), path }
}

async function placeOf(
  engine: Engine,
  written: Written,
  action: 'archive-path' | 'extract-to-dir',
): Promise<CopyPlace> {
  if (written.kind === 'stream') throw usage('at least one of source and destination must be a container')
  if (written.kind === 'host') {
    const { path } = written
    const tail = /\/\.?$/.exec(path)?.[0] ?? (path === '.' ? '/.' : '')
    return { ...hostPlace(`${resolve(engine.settings.cwd, path).replace(/\/$/, '')}${tail}` || '/'), name: path }
  }
  const { container } = await settledByName(engine.containers, written.container)
  recordEvent(engine.containers, container, action)
  return await containerPlace(engine.containers, container, written.path)
}

function usage(message: string): TsbuildError {
  return new TsbuildError('USAGE', message, {
    hint: 'tsbuild cp CONTAINER:PATH PATH, or tsbuild cp PATH CONTAINER:PATH',
  })
}
