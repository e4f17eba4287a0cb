import { optional, readJson } from '../oci/json.ts'
import type { JsonReader } from '../oci/json.ts'
import { defaultRegistry } from '../oci/reference.ts'
import type { RegistryClient } from './client.ts'
import { listRepositories } from './list.ts'
import { readDocument } from './read-document.ts'
import type { Url } from './transport/http.ts'
import { withQuery } from './transport/url.ts'

export interface FoundRepository {
  readonly name: string
  readonly description: string
  readonly stars: number
  readonly official: boolean
  readonly automated: boolean
}

export interface SearchOptions {
  readonly signal: AbortSignal
  /** 1 to 100. */
  readonly limit: number
  /** Where Docker Hub's search is; tests name their own. */
  readonly hub?: Url
}

const hubSearch: Url = { origin: 'https://index.docker.io', target: '/v1/search' }
const maxBody = 4 * 1024 * 1024

/** Looks for repositories: by Docker Hub's search, on any other registry in its catalog. Errors: REGISTRY_*. */
export async function searchRepositories(
  client: RegistryClient,
  host: string,
  term: string,
  options: SearchOptions,
): Promise<readonly FoundRepository[]> {
  return host === defaultRegistry ? searchHub(client, term, options) : searchCatalog(client, host, term, options)
}

async function searchHub(
  client: RegistryClient,
  term: string,
  options: SearchOptions,
): Promise<readonly FoundRepository[]> {
  const action = `Cannot search Docker Hub for "${term}"`
  const { bytes } = await readDocument(
    client,
    () =>
      client.sendToHost(defaultRegistry, {
        method: 'GET',
        path: withQuery(options.hub ?? hubSearch, { q: term, n: String(options.limit) }),
        action,
        expect: [200],
        signal: options.signal,
      }),
    { limit: maxBody, what: 'the results', signal: options.signal },
  )
  const results = readJson(bytes, { code: 'REGISTRY_PROTOCOL', what: 'the results of the search' }).get('results')
  return results.list(
    (item): FoundRepository => ({
      name: item.get('name').string(),
      description: optional(item.get('description'), (text: JsonReader) => text.string()) ?? '',
      stars: optional(item.get('star_count'), (count: JsonReader) => count.integer()) ?? 0,
      official: optional(item.get('is_official'), (flag: JsonReader) => flag.boolean()) ?? false,
      automated: optional(item.get('is_automated'), (flag: JsonReader) => flag.boolean()) ?? false,
    }),
    1000,
  )
}

async function searchCatalog(
  client: RegistryClient,
  host: string,
  term: string,
  { signal, limit }: SearchOptions,
): Promise<readonly FoundRepository[]> {
  const found: FoundRepository[] = []
  for await (const name of listRepositories(client, host, { signal })) {
    if (!name.includes(term)) continue
    found.push({ name: `${host}/${name}`, description: '', stars: 0, official: false, automated: false })
    if (found.length === limit) break
  }
  return found
}
