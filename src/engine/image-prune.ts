import { TsbuildError, hasCode } from '../base/errors.ts'
import { hasLabel } from '../container/container-filter.ts'
import { imageFacts } from '../image/image-facts.ts'
import { listImages } from '../image/list-images.ts'
import { removeImage } from '../image/remove-image.ts'
import { collectGarbage } from './collect-garbage.ts'
import type { Engine } from './engine.ts'
import type { PruneResult } from './volume-prune.ts'

export interface ImagePruneRequest {
  /** Every image that no container was made from, not only those without a name. */
  readonly all: boolean
  /** `label=…`, `label!=…`, `dangling=…`. */
  readonly filters: readonly string[]
  /** Only those made before. */
  readonly until?: Date
}

export interface ImagePruneResult extends PruneResult {
  readonly untagged: readonly string[]
}

/** Removes images that nobody uses, and the layers that nothing needs then. USAGE for an unknown filter. */
export async function imagePrune(engine: Engine, request: ImagePruneRequest): Promise<ImagePruneResult> {
  const { containers, imageRecords, settings, store } = engine
  const { all, labels } = readFilters(request)
  const facts = await imageFacts(store)
  const images = listImages(imageRecords, facts, settings.platform)
  const used = containers.records.usersOfImages()
  const unused = images
    .filter(({ tags, companion }) => !companion && (all || tags.length === 0))
    .filter(({ id }) => !used.has(id))
    .filter(({ createdAt }) => request.until === undefined || createdAt < request.until.getTime())
    .filter(({ manifest }) => labels.every(({ word, wanted }) => hasLabel(facts.labels(manifest), word) === wanted))
  const removed: string[] = []
  const untagged: string[] = []
  for (const listed of unused) {
    try {
      const gone = store.db.transaction(() =>
        removeImage(imageRecords, listed, undefined, { force: true, uses: usesOf(engine, listed.id) }),
      )
      untagged.push(...gone.untagged)
      if (gone.deleted !== undefined) removed.push(gone.deleted)
    } catch (error) {
      // A container was made from it in the meantime.
      if (!hasCode(error, 'IMAGE_IN_USE')) throw error
    }
  }
  const { blobs, snapshots: layers } = await collectGarbage(engine)
  return { removed, untagged, bytes: [...blobs, ...layers].reduce((sum, { size }) => sum + size, 0) }
}

function usesOf(
  { containers }: Engine,
  image: string,
): readonly { readonly name: string; readonly running: boolean }[] {
  return containers.records.usersOfImage(image).map((id) => ({ name: id.slice(0, 12), running: true }))
}

function readFilters({ all, filters }: ImagePruneRequest): {
  readonly all: boolean
  readonly labels: readonly { readonly word: string; readonly wanted: boolean }[]
} {
  let everything = all
  const labels: { word: string; wanted: boolean }[] = []
  for (const filter of filters) {
    const [, key, negated, value = ''] = /^(\w+)(!?)=(.*)$/s.exec(filter) ?? []
    if (key === 'dangling') everything = /^(0|f|false)$/i.test(value)
    else if (key === 'label') labels.push({ word: value, wanted: negated === '' })
    else throw new TsbuildError('USAGE', `invalid filter '${filter}'`, { hint: 'Filters: until, label, dangling' })
  }
  return { all: everything, labels }
}
