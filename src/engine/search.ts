import { TsbuildError } from '../base/errors.ts'
import { searchRepositories } from '../registry/search.ts'
import type { FoundRepository } from '../registry/search.ts'
import { defaultRegistry } from '../oci/reference.ts'
import type { Settings } from '../settings/settings.ts'
import { openRegistryClient } from './open-registry-client.ts'

export interface SearchRequest {
  /** `[HOST/]TERM`; Docker Hub without a host. */
  readonly term: string
  readonly limit: number
  /** `KEY=VALUE`: stars, is-official, is-automated. */
  readonly filters: readonly string[]
}

/** Repositories that fit a term. Needs no store. USAGE for a wrong filter or limit, REGISTRY_*. */
export async function search(
  settings: Settings,
  request: SearchRequest,
  { signal }: { readonly signal: AbortSignal },
): Promise<readonly FoundRepository[]> {
  if (request.limit < 1 || request.limit > 100)
    throw new TsbuildError('USAGE', `Cannot search with the limit ${request.limit}: expected 1 to 100`)
  const filters = request.filters.map(compileFilter)
  const slash = request.term.indexOf('/')
  const first = request.term.slice(0, Math.max(slash, 0))
  const isHost = /[.:]/.test(first) || first === 'localhost'
  const [host, term] = isHost ? [first, request.term.slice(slash + 1)] : [defaultRegistry, request.term]
  await using client = await openRegistryClient(settings)
  const found = await searchRepositories(client, host === 'index.docker.io' ? defaultRegistry : host, term, {
    signal,
    limit: request.limit,
  })
  return found.filter((one) => filters.every((fits) => fits(one)))
}

function compileFilter(text: string): (one: FoundRepository) => boolean {
  const [key = '', value = ''] = text.split('=')
  const stars = Number(value)
  if (key === 'stars' && Number.isSafeInteger(stars)) return (one) => one.stars >= stars
  if (/^(?:true|false|1|0)$/.test(value)) {
    const wanted = value === 'true' || value === '1'
    if (key === 'is-official') return ({ official }) => official === wanted
    if (key === 'is-automated') return ({ automated }) => automated === wanted
  }
  throw new TsbuildError(
    'USAGE',
    `Cannot filter a search by "${text}": there are stars=N, is-official=BOOL and is-automated=BOOL`,
  )
}
