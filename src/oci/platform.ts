import { TsbuildError } from '../base/errors.ts'
import { isIndexType } from './media-types.ts'
import type { Descriptor, Platform } from './types.ts'

const osAliases: Readonly<Record<string, string>> = { macos: 'darwin' }

/** Spellings of uname, Node and distributions, as containerd's platforms package normalises them: [architecture, variant]. */
const architectureAliases: Readonly<Record<string, readonly [string, string | undefined]>> = {
  i386: ['386', undefined],
  ia32: ['386', undefined],
  x86_64: ['amd64', undefined],
  'x86-64': ['amd64', undefined],
  x64: ['amd64', undefined],
  aarch64: ['arm64', undefined],
  armhf: ['arm', 'v7'],
  armel: ['arm', 'v6'],
}

/** Parses `os[/architecture[/variant]]` or an architecture alone; what is missing comes from `host`. Error: PLATFORM_INVALID. */
export function parsePlatform(text: string, host: Platform): Platform {
  const parts = text.split('/')
  const [first = '', second, third] = parts
  if (parts.length > 3 || !parts.every((part) => /^[A-Za-z0-9_.-]+$/.test(part))) {
    throw new TsbuildError('PLATFORM_INVALID', `Cannot read platform "${text}": expected os/arch or os/arch/variant`, {
      hint: 'For example linux/amd64 or linux/arm/v7',
    })
  }
  if (second !== undefined) return normalisePlatform({ os: first, architecture: second, ...withVariant(third) })
  if (knownSystems.has(first.toLowerCase())) return normalisePlatform({ ...host, os: first })
  if (first.toLowerCase() in architectureAliases || knownArchitectures.has(first.toLowerCase())) {
    return normalisePlatform({ os: host.os, architecture: first })
  }
  throw new TsbuildError(
    'PLATFORM_INVALID',
    `Cannot read platform "${text}": neither a system nor an architecture has that name`,
    {
      hint: 'For example linux/amd64 or linux/arm/v7',
    },
  )
}

/** One spelling per platform: lower case, Go's names, no variant where it is the default one (arm64 v8, amd64 v1; arm has v7). */
export function normalisePlatform(platform: Platform): Platform {
  const os = platform.os.toLowerCase()
  const named = platform.architecture.toLowerCase()
  const [architecture, implied] = architectureAliases[named] ?? [named, undefined]
  const { variant: _, ...rest } = platform
  return {
    ...rest,
    os: osAliases[os] ?? os,
    architecture,
    ...withVariant(normaliseVariant(architecture, platform.variant?.toLowerCase() || implied)),
  }
}

export function formatPlatform({ os, architecture, variant }: Platform): string {
  return variant === undefined || variant === '' ? `${os}/${architecture}` : `${os}/${architecture}/${variant}`
}

/** Platform of a Linux machine with Node's name for its architecture. */
export function platformOfMachine(architecture: string): Platform {
  return normalisePlatform({ os: 'linux', architecture })
}

/** True when both name the same platform, whatever the spelling; `os.version` does not count. */
export function samePlatform(a: Platform, b: Platform): boolean {
  return formatPlatform(normalisePlatform(a)) === formatPlatform(normalisePlatform(b))
}

/**
 * How well an image made for `have` runs on `want`: 0 is exact, larger is further off, undefined is not at all.
 * As containerd's platforms.Only: an arm64 machine runs arm v8 and below, amd64 runs lower micro-architecture levels and 386.
 */
export function platformDistance(want: Platform, have: Platform): number | undefined {
  return distancesFrom(want)(have)
}

function distancesFrom(want: Platform): (have: Platform) => number | undefined {
  const candidates = runnable(normalisePlatform(want)).map(formatPlatform)
  return (have) => {
    const index = candidates.indexOf(formatPlatform(normalisePlatform(have)))
    return index < 0 ? undefined : index
  }
}

/**
 * The entry of an index that fits best; the first of equals. Entries without platform never match, but an index among them may hold what
 * is looked for: the first of these where nothing fits.
 */
export function selectPlatform<Entry extends Pick<Descriptor, 'mediaType' | 'platform'>>(
  entries: readonly Entry[],
  want: Platform,
): Entry | undefined {
  const distanceTo = distancesFrom(want)
  let best: { readonly entry: Entry; readonly distance: number } | undefined
  for (const entry of entries) {
    if (entry.platform === undefined) continue
    const distance = distanceTo(entry.platform)
    if (distance !== undefined && distance < (best?.distance ?? Infinity)) best = { entry, distance }
  }
  return best?.entry ?? entries.find(({ mediaType, platform }) => platform === undefined && isIndexType(mediaType))
}

const knownSystems: ReadonlySet<string> = new Set(
  'aix android darwin dragonfly freebsd illumos ios js linux macos netbsd openbsd plan9 solaris wasip1 windows'.split(
    ' ',
  ),
)
const knownArchitectures: ReadonlySet<string> = new Set(
  '386 amd64 arm arm64 loong64 mips mipsle mips64 mips64le ppc64 ppc64le riscv64 s390x wasm'.split(' '),
)

/** A system and an architecture of Go's lists. */
export function isKnownPlatform({ os, architecture }: Platform): boolean {
  return knownSystems.has(os) && knownArchitectures.has(architecture)
}

function normaliseVariant(architecture: string, variant: string | undefined): string | undefined {
  if (architecture === 'arm64') return variant === '8' || variant === 'v8' ? undefined : variant
  if (architecture === 'amd64') return variant === 'v1' ? undefined : variant
  if (architecture !== 'arm') return variant
  if (variant === undefined) return 'v7'
  return /^[5-8]$/.test(variant) ? `v${variant}` : variant
}

function runnable(platform: Platform): readonly Platform[] {
  const { os, architecture, variant } = platform
  const at = (name: string, level?: number): Platform => ({
    os,
    architecture: name,
    ...withVariant(level === undefined ? undefined : `v${level}`),
  })
  const level = variant === undefined ? undefined : Number(/^v(\d)$/.exec(variant)?.[1])
  if (Number.isNaN(level)) return [platform]
  if (architecture === 'arm') return levels(level ?? 7, 5).map((v) => at('arm', v))
  if (architecture === 'arm64') {
    const own = level === undefined ? [] : levels(level, 9).map((v) => at('arm64', v))
    return [...own, at('arm64'), ...levels(8, 5).map((v) => at('arm', v))]
  }
  if (architecture === 'amd64') return [...levels(level ?? 1, 2).map((v) => at('amd64', v)), at('amd64'), at('386')]
  return [platform]
}

function levels(from: number, to: number): readonly number[] {
  return Array.from({ length: Math.max(0, from - to + 1) }, (_, index) => from - index)
}

function withVariant(variant: string | undefined): { readonly variant?: string } {
  return variant === undefined || variant === '' ? {} : { variant }
}
