import { cacheItems } from './builder-cache.ts'
import type { CacheItem } from './builder-cache.ts'
import { cacheFilter } from './builder-filter.ts'
import type { Engine } from './engine.ts'

/** What the build cache holds, biggest use of the disk last. USAGE for an unknown filter. */
export async function builderDu(engine: Engine, filters: readonly string[]): Promise<readonly CacheItem[]> {
  const fits = cacheFilter(filters, Date.now())
  return (await cacheItems(engine)).filter(fits)
}
