import { existsSync, readFileSync } from 'node:fs'
import { TsbuildError } from '../../base/errors.ts'

/** Names of QEMU's user emulators by GOARCH. */
const emulators: Readonly<Record<string, string>> = {
  '386': 'i386',
  amd64: 'x86_64',
  arm: 'arm',
  arm64: 'aarch64',
  loong64: 'loongarch64',
  mips64le: 'mips64el',
  ppc64le: 'ppc64le',
  riscv64: 'riscv64',
  s390x: 's390x',
}

/** Architectures that a kernel runs besides its own. */
const native: Readonly<Record<string, readonly string[]>> = { amd64: ['386'], arm64: ['arm'] }

/** FEATURE_MISSING when the kernel cannot run programs of `platform` (`os/arch[/variant]`), by itself or through binfmt_misc. */
export function requireEmulator(platform: string, architecture: string, registered = '/proc/sys/fs/binfmt_misc'): void {
  const wanted = platform.split('/')[1] ?? architecture
  if (wanted === architecture || (native[architecture] ?? []).includes(wanted) || emulated(wanted, registered)) return
  throw new TsbuildError(
    'FEATURE_MISSING',
    `Cannot run programs for ${platform} on this ${architecture} machine: no emulator is registered`,
    {
      hint: 'Install qemu-user-static and binfmt-support, or build this stage on $BUILDPLATFORM',
      details: { platform, architecture },
    },
  )
}

/** Architectures whose programs run here, the machine's own first. */
export function runnableArchitectures(
  architecture: string,
  registered = '/proc/sys/fs/binfmt_misc',
): readonly string[] {
  const own = [architecture, ...(native[architecture] ?? [])]
  return [...own, ...Object.keys(emulators).filter((name) => !own.includes(name) && emulated(name, registered))]
}

function emulated(architecture: string, registered: string): boolean {
  const entry = `${registered}/qemu-${emulators[architecture] ?? architecture}`
  return existsSync(entry) && readFileSync(entry, 'utf8').startsWith('enabled')
}
