import { TsbuildError } from '../base/errors.ts'
import { hasLabel } from '../container/container-filter.ts'
import type { FactRecords } from '../image/fact-records.ts'
import { imageFacts } from '../image/image-facts.ts'
import { listImages } from '../image/list-images.ts'
import type { ListedImage } from '../image/list-images.ts'
import { compileNamePattern } from '../image/name-pattern.ts'
import type { Engine, VerbContext } from './engine.ts'
import { noSuchImage } from './local-image.ts'

/** An image with the number of containers that were made from it. */
export interface CountedImage extends ListedImage {
  readonly containers: number
}

export interface ImagesRequest {
  /** `NAME[:TAG]`, with wildcards. */
  readonly name?: string
  /** `KEY=VALUE`: dangling, label, before, since, reference. */
  readonly filters: readonly string[]
  /** Only those made before. */
  readonly until?: Date | undefined
}

/** Images of the store, newest first. USAGE for a filter that does not exist, IMAGE_NOT_FOUND for one of `before` and `since`. */
export async function images(
  engine: Engine,
  request: ImagesRequest,
  _context: VerbContext,
): Promise<readonly CountedImage[]> {
  const { containers, imageRecords, settings, store } = engine
  const facts = await imageFacts(store)
  const users = containers.records.usersOfImages()
  const all = listImages(imageRecords, facts, settings.platform)
  const filters = await Promise.all(request.filters.map((text) => compileFilter(engine, text, { facts, all })))
  const byName = request.name === undefined ? undefined : compileNamePattern(request.name)
  return all
    .filter(({ companion }) => !companion)
    .filter((image) => filters.every((fits) => fits(image)))
    .filter(({ createdAt }) => request.until === undefined || createdAt < request.until.getTime())
    .map((image) => ({ ...image, containers: users.get(image.id) ?? 0 }))
    .flatMap((image) => {
      if (byName === undefined) return [image]
      const tags = image.tags.filter(byName)
      return tags.length === 0
        ? []
        : [
            {
              ...image,
              tags,
              digests: image.digests.filter((name) => tags.some((tag) => tag.repository === name.repository)),
            },
          ]
    })
}

type Filter = (image: ListedImage) => boolean

async function compileFilter(
  engine: Engine,
  text: string,
  { facts, all }: { readonly facts: FactRecords; readonly all: readonly ListedImage[] },
): Promise<Filter> {
  const equals = text.indexOf('=')
  const key = equals < 0 ? text : text.slice(0, equals)
  const value = equals < 0 ? '' : text.slice(equals + 1)
  switch (key) {
    case 'dangling': {
      const wanted = truth(value)
      return ({ tags }) => (tags.length === 0) === wanted
    }
    case 'label':
      return ({ manifest }) => hasLabel(facts.labels(manifest), value)
    case 'reference': {
      const fits = compileNamePattern(value)
      return ({ tags }) => tags.some(fits)
    }
    case 'before':
    case 'since': {
      const other = await engine.images.identify(facts, value, engine.settings.platform)
      const listed = all.find(({ id }) => id === other?.id)
      if (listed === undefined) throw noSuchImage(value)
      return ({ createdAt }) => (key === 'before' ? createdAt < listed.createdAt : createdAt > listed.createdAt)
    }
    default:
      throw new TsbuildError(
        'USAGE',
        `Cannot filter images by "${key}": there are dangling, label, reference, before, since and until`,
      )
  }
}

function truth(value: string): boolean {
  if (value === 'true' || value === '1' || value === '') return true
  if (value === 'false' || value === '0') return false
  throw new TsbuildError('USAGE', `Cannot filter by dangling=${value}: expected true or false`)
}
