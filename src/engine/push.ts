import { TsbuildError, hasCode } from '../base/errors.ts'
import type { Digest } from '../oci/digest.ts'
import {
  familiarReference,
  formatReference,
  formatRepository,
  parseReference,
  withDefaultTag,
} from '../oci/reference.ts'
import type { Reference } from '../oci/reference.ts'
import { pushImage } from '../image/push-image.ts'
import type { LayerCompression } from '../image/packed-layers.ts'
import type { UploadShape } from '../registry/upload-blob.ts'
import { parsePlatform } from '../oci/platform.ts'
import { recordImageEvent } from './image-events.ts'
import type { Engine, VerbContext } from './engine.ts'
import { localImage } from './local-image.ts'

export interface PushRequest {
  readonly names: readonly string[]
  /** All tags that the store has of the repositories. */
  readonly allTags: boolean
  readonly platform?: string
  readonly compression: LayerCompression
  readonly shape?: UploadShape
}

export interface PushResult {
  readonly reference: Reference
  readonly digest: Digest
  /** Bytes of the manifest. */
  readonly size: number
}

/** Pushes images of the store. Errors: IMAGE_NOT_FOUND, BLOB_MISSING, REGISTRY_*. */
export async function push(engine: Engine, request: PushRequest, context: VerbContext): Promise<readonly PushResult[]> {
  const results: PushResult[] = []
  for (const name of request.names) {
    const named = parseReference(name)
    context.emit({ kind: 'notice', level: 'info', text: `The push refers to repository [${formatRepository(named)}]` })
    for (const reference of referencesOf(engine, named, request)) {
      results.push(await pushOne(engine, reference, request, context))
    }
  }
  return results
}

function referencesOf(engine: Engine, named: Reference, request: PushRequest): readonly Reference[] {
  if (!request.allTags) {
    if (named.digest === undefined) return [withDefaultTag(named)]
    throw new TsbuildError('USAGE', `Cannot push "${familiarReference(named)}": a push needs a tag`, {
      hint: 'Copy by digest with: tsbuild registry copy',
    })
  }
  if (named.tag !== undefined || named.digest !== undefined) {
    throw new TsbuildError(
      'USAGE',
      `Cannot push all tags of "${familiarReference(named)}": it names a tag or digest already`,
    )
  }
  const prefix = `${formatRepository(named)}:`
  const tags = engine.imageRecords.refs().filter(({ name }) => name.startsWith(prefix))
  if (tags.length === 0) {
    throw new TsbuildError('IMAGE_NOT_FOUND', `Cannot push "${familiarReference(named)}": the store has no tag of it`)
  }
  return tags.map(({ name }) => parseReference(name))
}

async function pushOne(
  engine: Engine,
  reference: Reference,
  request: PushRequest,
  context: VerbContext,
): Promise<PushResult> {
  const { settings, store, snapshots, native, imageRecords: records, registry } = engine
  const image = await localImage(engine, formatReference(reference), request.platform).catch((error: unknown) => {
    if (!hasCode(error, 'IMAGE_NOT_FOUND')) throw error
    throw new TsbuildError(
      'IMAGE_NOT_FOUND',
      `Cannot push "${familiarReference(reference)}": the store has no such image`,
      {
        cause: error,
        hint: `Tag one first: tsbuild tag IMAGE ${familiarReference(reference)}`,
      },
    )
  })
  const { descriptor } = await pushImage({ store, snapshots, native, records, registry }, image, reference, {
    platform: request.platform === undefined ? settings.platform : parsePlatform(request.platform, settings.platform),
    compression: request.compression,
    ...(request.shape === undefined ? {} : { shape: request.shape }),
    emit: context.emit,
    signal: context.signal,
  })
  recordImageEvent(engine, 'push', image.id, familiarReference(reference))
  const text = `${reference.tag ?? reference.digest ?? ''}: digest: ${descriptor.digest} size: ${descriptor.size}`
  context.emit({ kind: 'notice', level: 'info', text })
  return { reference, digest: descriptor.digest, size: descriptor.size }
}
