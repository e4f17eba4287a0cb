import { TsbuildError } from '../base/errors.ts'
import { nearest } from '../base/nearest.ts'
import type { CacheItem } from './builder-cache.ts'

const keys = ['id', 'type', 'until', 'unused-for', 'inuse', 'shared', 'private', 'description'] as const

/** `--filter KEY[=VALUE]` of builder du and prune: all must hold. USAGE. */
export function cacheFilter(filters: readonly string[], now: number): (item: CacheItem) => boolean {
  const tests = filters.map((text) => filterTest(text, now))
  return (item) => tests.every((test) => test(item))
}

function filterTest(text: string, now: number): (item: CacheItem) => boolean {
  const at = text.indexOf('=')
  const [key, value] = at < 0 ? [text, 'true'] : [text.slice(0, at), text.slice(at + 1)]
  switch (key) {
    case 'id':
      return (item) => item.id === value
    case 'type':
      return (item) =>
        item.kind === value ||
        (value === 'exec.cachemount' && item.kind === 'mount') ||
        (value === 'regular' && item.kind === 'layer')
    case 'until':
    case 'unused-for': {
      const limit = now - durationMs(text, value)
      return (item) => item.usedAt < limit
    }
    case 'inuse':
      return (item) => item.inUse === (value === 'true')
    case 'shared':
      return (item) => item.shared === (value === 'true')
    case 'private':
      return (item) => item.shared === (value !== 'true')
    case 'description':
      return (item) => item.description.includes(value)
    default: {
      const [near] = nearest(key, keys)
      throw new TsbuildError('USAGE', `invalid filter "${text}": there is no key "${key}"`, {
        hint: near === undefined ? `Keys are ${keys.join(', ')}` : `Did you mean "${near}"?`,
      })
    }
  }
}

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Go's durations, and days: `1h30m`, `7d`. */
function durationMs(filter: string, text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)]
  if (parts.length > 0 && parts.map(([part]) => part).join('') === text) {
    return parts.reduce((sum, [, number = '0', unit = 's']) => sum + Number(number) * (unitMs[unit] ?? 0), 0)
  }
  throw new TsbuildError('USAGE', `invalid filter "${filter}": "${text}" is not a duration`, {
    hint: 'Write 24h, 90m or 7d',
  })
}
