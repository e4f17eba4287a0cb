import { createWriteStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { TsbuildError, messageOf } from '../base/errors.ts'
import { openUserFile } from '../base/user-file.ts'
import type { LocalImage } from '../image/image-service.ts'
import { layerFacts } from '../layer/layer-store.ts'
import { parsePlatform } from '../oci/platform.ts'
import { parseReference, withDefaultTag } from '../oci/reference.ts'
import { changeConfig } from './commit-changes.ts'
import type { Engine, VerbContext } from './engine.ts'
import { recordImageEvent } from './image-events.ts'

export interface ImportRequest {
  /** A tar of a root file system, plain or compressed. */
  readonly from:
    | { readonly kind: 'stream'; readonly stream: AsyncIterable<Uint8Array> }
    | { readonly kind: 'path'; readonly path: string }
    | { readonly kind: 'url'; readonly url: string }
  /** Absent: the image has no name. */
  readonly name: string | undefined
  /** Dockerfile instructions that make its configuration. */
  readonly changes: readonly string[]
  readonly message: string | undefined
  readonly platform: string | undefined
}

/** Makes an image of one layer from a tar of files. Errors: FILE_UNREADABLE, LAYER_INVALID, REFERENCE_INVALID, USAGE. */
export async function importImage(engine: Engine, request: ImportRequest, context: VerbContext): Promise<LocalImage> {
  const { native, snapshots, settings, store } = engine
  const names = request.name === undefined ? [] : [withDefaultTag(parseReference(request.name))]
  const config = changeConfig({}, request.changes)
  const platform =
    request.platform === undefined ? settings.platform : parsePlatform(request.platform, settings.platform)
  await using spool = await store.content.scratch()
  const source = await localFile(request, spool.path, context.signal)
  await using active = await snapshots.prepare(null)
  const action = {
    op: 'file',
    source,
    name: 'rootfs.tar',
    dest: '/',
    mode: 0o644,
    mtime: '0',
    owner: null,
    chmod: null,
    archives: 'unpack',
  }
  const plan = { target: active.tree, actions: [action], commit: { clampMtime: null } }
  const answer = await native.call('files', plan, { signal: context.signal })
  const top = await active.commit(layerFacts(answer['layer'] as Parameters<typeof layerFacts>[0]))
  const created = new Date().toISOString()
  const comment = request.message ?? `Imported from ${nameOf(request)}`
  const image = await engine.images.create({
    config: {
      ...platform,
      created,
      config,
      rootfs: { type: 'layers', diff_ids: snapshots.diffIds(top.id) },
      history: [{ created, comment }],
    },
    top,
    names,
    format: 'oci',
  })
  recordImageEvent(engine, 'import', image.id, request.name)
  return image
}

/** Path of the tar: the user's file, or `spool` with what came from elsewhere. */
async function localFile({ from }: ImportRequest, spool: string, signal: AbortSignal): Promise<string> {
  if (from.kind === 'path') {
    const found = await stat(from.path).catch(() => undefined)
    if (found?.isFile() === true) return from.path
    if (found?.isFIFO() === true) {
      const pipe = await openUserFile(from.path, { signal, highWaterMark: 256 * 1024 })
      await pipeline(pipe, createWriteStream(spool, { mode: 0o600 }), { signal })
      return spool
    }
    throw new TsbuildError(
      'FILE_UNREADABLE',
      `Cannot import "${from.path}": ${found === undefined ? 'there is no such file' : 'it is no file'}`,
    )
  }
  const stream = from.kind === 'stream' ? from.stream : await download(from.url, signal)
  await pipeline(Readable.from(stream), createWriteStream(spool, { mode: 0o600 }), { signal })
  return spool
}

async function download(url: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
  const response = await fetch(url, { signal }).catch((error: unknown) => {
    throw new TsbuildError('FILE_UNREADABLE', `Cannot import "${url}": ${messageOf(error)}`, { cause: error })
  })
  if (!response.ok || response.body === null) {
    throw new TsbuildError('FILE_UNREADABLE', `Cannot import "${url}": the server answered ${response.status}`)
  }
  return response.body as AsyncIterable<Uint8Array>
}

function nameOf({ from }: ImportRequest): string {
  switch (from.kind) {
    case 'stream':
      return '-'
    case 'path':
      return basename(from.path)
    case 'url':
      return from.url
  }
}
