import type { LayerCompression } from '../../image/packed-layers.ts'
import { invalidFlag } from '../../base/flag-error.ts'

/** Highest level of a compressor, on its own scale. */
const maxLevel = { none: 0, gzip: 9, zstd: 22 } as const

/** What `compression` and `compression-level` of `-o` and `--cache-to` say. USAGE. */
export function readCompression(flag: string, values: ReadonlyMap<string, string>, force: boolean): LayerCompression {
  const kind = kindOf(flag, values.get('compression') ?? 'gzip')
  const level = values.get('compression-level')
  return {
    kind,
    ...(level === undefined ? {} : { level: levelOf(flag, kind, level) }),
    ...(force ? { force } : {}),
  }
}

function levelOf(flag: string, kind: LayerCompression['kind'], text: string): number {
  const level = Number(text)
  if (/^\d+$/.test(text) && level <= maxLevel[kind]) return level
  throw invalidFlag(flag, `compression-level=${text}`, `it is a number from 0 to ${maxLevel[kind]}`)
}

function kindOf(flag: string, text: string): LayerCompression['kind'] {
  if (text === 'uncompressed') return 'none'
  if (text === 'gzip' || text === 'zstd') return text
  throw invalidFlag(flag, `compression=${text}`, 'there is no such compression', 'It is gzip, zstd or uncompressed')
}
