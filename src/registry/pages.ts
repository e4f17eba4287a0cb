import { TsbuildError } from '../base/errors.ts'
import type { HttpResponse, Url } from './transport/http.ts'
import { formatUrl, hostOf, parseUrl } from './transport/url.ts'

/** A list longer than this is no list that anybody reads. */
const maxPages = 10_000
const maxItems = 500_000

/**
 * Walks a paged list (distribution-spec "Listing Tags": `Link: <url>; rel="next"`). `fetch` gets undefined for the first page.
 * Error: REGISTRY_PROTOCOL for pages that lead in a circle.
 */
export async function* walkPages<T>(
  fetch: (next: Url | undefined) => Promise<{ readonly response: HttpResponse; readonly items: readonly T[] }>,
): AsyncGenerator<T> {
  const seen = new Set<string>()
  let next: Url | undefined
  let count = 0
  for (let page = 0; page < maxPages && count < maxItems; page += 1) {
    const { response, items } = await fetch(next)
    yield* items
    count += items.length
    next = nextLink(response)
    if (next === undefined) return
    const key = formatUrl(next)
    if (seen.has(key)) break
    seen.add(key)
  }
  throw new TsbuildError(
    'REGISTRY_PROTOCOL',
    `Cannot list: the pages of ${next === undefined ? 'the registry' : hostOf(next)} do not end`,
  )
}

/** RFC 8288, the member with `rel="next"`; stays with the origin that gave it. */
function nextLink(response: HttpResponse): Url | undefined {
  for (const link of (response.headers['link'] ?? '').split(/,(?=\s*<)/)) {
    const match = /^\s*<([^>]*)>(.*)$/s.exec(link)
    if (match === null || !/;\s*rel\s*=\s*"?(?:[^"]*\s)?next\b/i.test(match[2] ?? '')) continue
    return { origin: response.url.origin, target: parseUrl(match[1] ?? '', response.url).target }
  }
  return undefined
}
