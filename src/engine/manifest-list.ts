import { TsbuildError, hasCode } from '../base/errors.ts'
import { platformOf } from '../image/edit/join-index.ts'
import { encodeManifestList, manifestListSource } from '../image/edit/manifest-list.ts'
import { manifestLists } from '../image/manifest-lists.ts'
import type { ListedManifest } from '../image/manifest-lists.ts'
import type { RawManifest } from '../image/transfer/endpoint.ts'
import { registrySource } from '../image/transfer/registry-endpoint.ts'
import { isKnownPlatform } from '../oci/platform.ts'
import {
  familiarReference,
  familiarRepository,
  formatReference,
  formatRepository,
  parseReference,
  withDefaultTag,
} from '../oci/reference.ts'
import type { Reference } from '../oci/reference.ts'
import type { Platform } from '../oci/types.ts'
import type { RegistryClient } from '../registry/client.ts'
import { getManifest } from '../registry/fetch-manifest.ts'
import type { Engine } from './engine.ts'
import type { LocationTools } from './open-location.ts'
import type { CopiedImage } from './registry-copy.ts'
import { writeEdited } from './registry-write.ts'

interface Context {
  readonly signal: AbortSignal
}

/**
 * docker's `manifest create`: puts a list together from images of registries, kept in the store until it is pushed. Gives the list's name.
 * Errors: MANIFEST_LIST_EXISTS, MANIFEST_LIST_INVALID, REGISTRY_*.
 */
export async function manifestCreate(
  engine: Engine,
  client: RegistryClient,
  request: { readonly list: string; readonly images: readonly string[]; readonly amend: boolean },
  context: Context,
): Promise<string> {
  const lists = manifestLists(engine.store.db)
  const list = named(request.list)
  const name = formatReference(list)
  const refuse = (): void => {
    if (request.amend || lists.entries(name).length === 0) return
    throw new TsbuildError(
      'MANIFEST_LIST_EXISTS',
      `Cannot make manifest list ${familiarReference(list)}: it exists and --amend was not given`,
    )
  }
  refuse()
  const found: ListedManifest[] = []
  for (const image of request.images) found.push(await fetchImage(client, named(image), context))
  engine.store.db.transaction(() => {
    refuse()
    for (const entry of found) lists.put(name, entry)
  })
  return familiarReference(list)
}

/** docker's words where a name is not there. */
function noSuchManifest(name: string, cause?: unknown): TsbuildError {
  return new TsbuildError('MANIFEST_LIST_NOT_FOUND', `No such manifest: ${name}`, { cause })
}

/** An image of a registry as an entry: its platform is that of its config. MANIFEST_LIST_INVALID for an index. */
export async function fetchImage(
  client: RegistryClient,
  reference: Reference,
  { signal }: Context,
): Promise<ListedManifest> {
  const name = familiarReference(reference)
  const { document, descriptor, bytes } = await getManifest(client, reference, { signal }).catch((error: unknown) => {
    throw hasCode(error, 'REGISTRY_NOT_FOUND') ? noSuchManifest(name, error) : error
  })
  if (document.kind === 'index')
    throw new TsbuildError('MANIFEST_LIST_INVALID', `Cannot put ${name} into a manifest list: it is a list itself`, {
      hint: 'imagetools create joins lists',
    })
  const source = registrySource(client, reference, { signal, notify: () => undefined })
  const platform = await platformOf(source, document.manifest.config)
  return { image: formatReference(reference), descriptor: { ...descriptor, platform }, bytes }
}

export interface ManifestAnnotateRequest {
  readonly list: string
  readonly image: string
  /** Members of the platform that are to be said instead of those that are. */
  readonly platform: Partial<Platform>
}

/** Changes what a list says of an image's platform. Errors: MANIFEST_LIST_NOT_FOUND, PLATFORM_INVALID. */
export function manifestAnnotate(engine: Engine, request: ManifestAnnotateRequest): void {
  const lists = manifestLists(engine.store.db)
  const [list, image] = [named(request.list), named(request.image)]
  engine.store.db.transaction(() => {
    const entry = lists.entries(formatReference(list)).find((one) => one.image === formatReference(image))
    if (entry === undefined) {
      throw new TsbuildError(
        'MANIFEST_LIST_NOT_FOUND',
        `Cannot annotate: manifest for image ${familiarReference(image)} does not exist in ${familiarReference(list)}`,
      )
    }
    const platform: Platform = { os: '', architecture: '', ...entry.descriptor.platform, ...request.platform }
    if (!isKnownPlatform(platform)) {
      throw new TsbuildError(
        'PLATFORM_INVALID',
        `Cannot annotate: manifest entry for image has unsupported os/arch combination: ${platform.os}/${platform.architecture}`,
      )
    }
    lists.put(formatReference(list), { ...entry, descriptor: { ...entry.descriptor, platform } })
  })
}

/** A list that is being put together, and its entries; undefined when there is none of that name. */
export function localManifestList(
  engine: Engine,
  name: string,
): { readonly list: RawManifest; readonly entries: readonly ListedManifest[] } | undefined {
  const entries = manifestLists(engine.store.db).entries(formatReference(named(name)))
  return entries.length === 0 ? undefined : { list: encodeManifestList(entries), entries }
}

/** Pushes a list with everything that its repository does not have. Error: MANIFEST_LIST_NOT_FOUND and those of a push. */
export async function manifestPush(
  engine: Engine,
  tools: LocationTools,
  request: { readonly list: string; readonly purge: boolean; readonly dryRun: boolean },
): Promise<PushedList> {
  const lists = manifestLists(engine.store.db)
  const list = named(request.list)
  const entries = lists.entries(formatReference(list))
  if (entries.length === 0) throw noSuchManifest(familiarReference(list))
  const options = {
    signal: tools.signal,
    notify: (text: string) => tools.emit({ kind: 'notice', level: 'warning', text }),
  }
  const source = manifestListSource(entries, (image) => registrySource(tools.client, image, options))
  const pushed = await writeEdited(tools, source, familiarReference(list), request)
  if (request.purge && !request.dryRun) lists.remove(formatReference(list))
  const repository = formatRepository(list)
  const moved = entries
    .filter(({ image }) => formatRepository(parseReference(image)) !== repository)
    .map(({ descriptor }) => `${familiarRepository(list)}@${descriptor.digest}`)
  return { ...pushed, moved }
}

export interface PushedList extends CopiedImage {
  /** Names of the images that came from other repositories. */
  readonly moved: readonly string[]
}

/** Removes lists; gives an error for each that is not there. */
export function manifestRm(engine: Engine, names: readonly string[]): readonly TsbuildError[] {
  const lists = manifestLists(engine.store.db)
  const references = names.map(named)
  return references.flatMap((list) =>
    lists.remove(formatReference(list)) ? [] : [noSuchManifest(familiarReference(list))],
  )
}

function named(text: string): Reference {
  return withDefaultTag(parseReference(text))
}
