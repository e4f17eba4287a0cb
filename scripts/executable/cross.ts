import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

/** What `scripts/cross-arm64.sh` makes, in the project at `home`. */
export function crossTools(home: string): { readonly gcc: string; readonly strip: string; readonly node: string } {
  const at = (name: string): string => join(home, '.cache/cross-arm64', name)
  return { gcc: at('gcc'), strip: at('strip'), node: at('node') }
}

/** Builds the native core for an architecture and gives its path. Only arm64 can be built elsewhere, on x86-64. */
export function buildCore(home: string, arch: string): string {
  const own = arch === process.arch
  if (!own && arch !== 'arm64')
    throw new Error(`The core for ${arch} must be built on ${arch}; this is ${process.arch}`)
  const stdio = ['ignore', 2, 2] as const
  const output = own ? 'build' : `build-${arch}`
  if (!own) execFileSync('sh', [join(home, 'scripts/cross-arm64.sh')], { stdio: [...stdio] })
  const { gcc, strip } = crossTools(home)
  const tools = own ? [] : [`OUT=${output}`, `CC=${gcc}`, `STRIP=${strip}`]
  execFileSync('make', ['-s', '-C', join(home, 'native'), ...tools], { stdio: [...stdio] })
  return join(home, 'native', output, 'tsbuild-core')
}
