import type { Digest } from '../oci/digest.ts'
import { parsePlatform } from '../oci/platform.ts'
import { defaultTag, familiarReference, parseReference, withDefaultTag, withTag } from '../oci/reference.ts'
import type { Reference } from '../oci/reference.ts'
import { listTags } from '../registry/list.ts'
import type { PulledImage, PullPolicy } from '../image/image-service.ts'
import { TsbuildError } from '../base/errors.ts'
import { recordImageEvent } from './image-events.ts'
import type { Engine, VerbContext } from './engine.ts'
import { aliasOf } from './image-name.ts'

export interface PullRequest {
  readonly name: string
  readonly allTags: boolean
  /** `os/arch[/variant]`; the machine's own without it. */
  readonly platform?: string
  readonly policy: PullPolicy
}

export interface PullResult {
  /** Full name with tag or digest. */
  readonly reference: Reference
  /** What the name points to: index or manifest. */
  readonly digest: Digest
  /** Image ID. */
  readonly id: Digest
  readonly changed: boolean
}

/** Brings images from a registry into the store, telling what docker tells at each point. Errors: those of ImageService.pull. */
export async function pull(engine: Engine, request: PullRequest, context: VerbContext): Promise<readonly PullResult[]> {
  const alias = await aliasOf(engine, request.name)
  if (alias !== undefined) {
    const text = `Resolved "${request.name}" as an alias for ${familiarReference(alias)}`
    context.emit({ kind: 'notice', level: 'info', text })
  }
  const named = alias ?? parseReference(request.name)
  const results: PullResult[] = []
  for (const reference of await referencesOf(engine, named, request, context)) {
    results.push(await pullOne(engine, reference, request, context))
  }
  return results
}

async function referencesOf(
  engine: Engine,
  named: Reference,
  request: PullRequest,
  { emit, signal }: VerbContext,
): Promise<readonly Reference[]> {
  if (!request.allTags) {
    if (named.tag === undefined && named.digest === undefined) {
      emit({ kind: 'notice', level: 'info', text: `Using default tag: ${defaultTag}` })
    }
    return [withDefaultTag(named)]
  }
  if (named.tag !== undefined || named.digest !== undefined) {
    throw new TsbuildError('USAGE', `Cannot pull all tags of "${request.name}": it names a tag or digest already`)
  }
  const tags = await Array.fromAsync(listTags(await engine.registry(), named, { signal }))
  return tags.map((tag) => withTag(named, tag))
}

async function pullOne(
  engine: Engine,
  reference: Reference,
  request: PullRequest,
  context: VerbContext,
): Promise<PullResult> {
  const { emit, signal } = context
  const { settings } = engine
  const platform =
    request.platform === undefined ? settings.platform : parsePlatform(request.platform, settings.platform)
  const inform = (text: string): void => emit({ kind: 'notice', level: 'info', text })
  const first = pullingLine(reference, context)
  const pulled = await outcome(engine, reference, {
    platform,
    policy: request.policy,
    signal,
    emit: first.emit,
  })
  const { image, changed } = pulled
  if (changed) recordImageEvent(engine, 'pull', image.id, familiarReference(reference))
  if (pulled.asked) first.tell()
  inform(`Digest: ${image.target.digest}`)
  inform(
    `Status: ${changed ? 'Downloaded newer image for' : 'Image is up to date for'} ${familiarReference(withoutTag(reference))}`,
  )
  return { reference, digest: image.target.digest, id: image.id, changed }
}

async function outcome(
  engine: Engine,
  reference: Reference,
  options: Parameters<Engine['images']['pull']>[1],
): Promise<PulledImage & { readonly asked: boolean }> {
  if (options.policy === 'always' || options.policy === 'newer')
    return { ...(await engine.images.pull(reference, options)), asked: true }
  const local = await engine.images.find(familiarReference(reference), options.platform)
  if (local !== undefined) return { image: local, changed: false, asked: false }
  return { image: await engine.images.ensure(reference, options), changed: true, asked: true }
}

/** A digest says all; docker leaves the tag out where both are given. */
function withoutTag(reference: Reference): Reference {
  return reference.digest === undefined ? reference : { ...reference, tag: undefined }
}

/** `latest: Pulling from library/busybox`, once: before the first line about a layer, or when `tell` is called. */
function pullingLine(
  reference: Reference,
  { emit }: VerbContext,
): { readonly emit: VerbContext['emit']; tell(): void } {
  let told = false
  const tell = (): void => {
    if (told) return
    told = true
    const what = reference.digest === undefined ? reference.tag : familiarReference(withoutTag(reference))
    emit({ kind: 'notice', level: 'info', text: `${what}: Pulling from ${reference.repository}` })
  }
  return {
    tell,
    emit(event) {
      if (event.kind === 'transfer') tell()
      emit(event)
    },
  }
}
