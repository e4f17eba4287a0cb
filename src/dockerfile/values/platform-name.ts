import type { Checked } from '../diagnostics.ts'
import { bad, good, quoted } from '../diagnostics.ts'
import { didYouMean } from '../nearest.ts'

export interface PlatformName {
  readonly os: string
  readonly architecture: string
  readonly variant?: string
}

const systems =
  'aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd openbsd plan9 solaris windows zos'.split(
    ' ',
  )
const architectures =
  '386 amd64 amd64p32 arm armbe arm64 arm64be ppc64 ppc64le loong64 mips mipsle mips64 mips64le mips64p32 mips64p32le ppc riscv riscv64 s390 s390x sparc sparc64 wasm'.split(
    ' ',
  )
const aliases: Readonly<Record<string, readonly [string, string?]>> = {
  i386: ['386'],
  x86_64: ['amd64'],
  'x86-64': ['amd64'],
  aarch64: ['arm64'],
  armhf: ['arm', 'v7'],
  armel: ['arm', 'v6'],
}

/** Reads `os/arch[/variant]`, also an operating system or architecture alone; the other half is then `defaults`'. As containerd's platforms. */
export function parsePlatformName(
  text: string,
  defaults: PlatformName = { os: 'linux', architecture: 'amd64' },
): Checked<PlatformName> {
  const parts = text.split('/')
  const [first = '', second, third] = parts
  const system = /^([A-Za-z0-9_-]+)(?:\([A-Za-z0-9_.%-]*(?:\+[A-Za-z0-9_.%-]+)*\))?$/.exec(first)?.[1]?.toLowerCase()
  const malformed = (): Checked<never> =>
    bad(
      'PLATFORM_INVALID',
      `platform ${quoted(text)} is malformed`,
      'Write "os/arch[/variant]", such as "linux/amd64" or "linux/arm/v7"',
    )
  if (system === undefined || parts.length > 3 || parts.slice(1).some((part) => !/^[A-Za-z0-9_.-]+$/.test(part)))
    return malformed()
  const os = system === 'macos' ? 'darwin' : system
  if (second !== undefined) return good({ os, ...normalize(second, third) })
  if (systems.includes(os))
    return good({
      os,
      architecture: defaults.architecture,
      ...(defaults.variant !== undefined && { variant: defaults.variant }),
    })
  const machine = normalize(first)
  if (architectures.includes(machine.architecture)) return good({ os: defaults.os, ...machine })
  return bad(
    'PLATFORM_INVALID',
    `platform ${quoted(text)} is neither a known operating system nor an architecture`,
    didYouMean(first.toLowerCase(), [...systems, ...architectures]),
  )
}

/** The text of a platform, as it stands in TARGETPLATFORM. */
export function formatPlatformName({ os, architecture, variant }: PlatformName): string {
  return [os, architecture, ...(variant === undefined ? [] : [variant])].join('/')
}

function normalize(architectureText: string, variantText = ''): Omit<PlatformName, 'os'> {
  const written = architectureText.toLowerCase()
  const [architecture, implied] = aliases[written] ?? [written]
  const variant = implied ?? normalizeVariant(architecture, variantText.toLowerCase())
  return variant === '' ? { architecture } : { architecture, variant }
}

function normalizeVariant(architecture: string, variant: string): string {
  if (architecture === '386') return ''
  if (architecture === 'amd64') return variant === 'v1' ? '' : variant
  if (architecture === 'arm64') return ['8', 'v8', 'v8.0'].includes(variant) ? '' : variant.replace(/^v?9(\.0)?$/, 'v9')
  if (architecture === 'arm') return variant === '' ? 'v7' : variant.replace(/^(\d)$/, 'v$1')
  return variant
}
