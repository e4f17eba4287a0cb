/**
 * Makes what `npm pack` packs. Of the project itself: `prepare` builds dist/ and writes the package.json that users get (the native
 * core as an optional dependency of the same version, nothing for development), `restore` puts the project's own back.
 * Of npm/core-linux-*: `core ARCH` copies the native core and the licences of the libraries linked into it.
 */
import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildCore } from './executable/cross.ts'

type PackageJson = Readonly<Record<string, unknown>> & {
  readonly version: string
  readonly optionalDependencies: Readonly<Record<string, string>>
}

const home = join(import.meta.dirname, '..')
const manifest = join(home, 'package.json')
const kept = join(home, '.cache/package.json')
const development = ['devDependencies', 'scripts', 'workspaces'] as const

const [action, arch] = process.argv.slice(2)
if (action === 'prepare') prepare()
else if (action === 'restore') restore()
else if (action === 'core' && arch !== undefined) prepareCore(arch)
else throw new Error('Usage: package.ts prepare|restore|core ARCH')

function prepare(): void {
  restore()
  execFileSync('sh', [join(home, 'scripts/run.sh'), join(home, 'scripts/build.ts')], {
    cwd: home,
    stdio: ['ignore', 2, 2],
  })
  mkdirSync(join(home, '.cache'), { recursive: true })
  copyFileSync(manifest, kept)
  writeFileSync(
    manifest,
    `${JSON.stringify(shippedManifest(JSON.parse(readFileSync(kept, 'utf8')) as PackageJson), null, 2)}\n`,
  )
}

function shippedManifest(source: PackageJson): object {
  const cores = Object.fromEntries(
    readdirSync(join(home, 'npm'))
      .filter((name) => name.startsWith('core-'))
      .map((name) => [`@tsbuild/${name}`, source.version]),
  )
  const entries = Object.entries(source).filter(([key]) => !development.some((name) => name === key))
  return { ...Object.fromEntries(entries), optionalDependencies: { ...source.optionalDependencies, ...cores } }
}

/** Also mends what an interrupted pack left. */
function restore(): void {
  if (existsSync(kept)) renameSync(kept, manifest)
}

function prepareCore(name: string): void {
  const folder = join(home, 'npm', `core-linux-${name}`)
  copyFileSync(buildCore(home, name), join(folder, 'tsbuild-core'))
  copyFileSync(join(home, 'LICENSE'), join(folder, 'LICENSE'))
  writeFileSync(join(folder, 'THIRD-PARTY-NOTICES.txt'), coreNotices())
}

/** Packages of the distribution whose static libraries the Makefile links, and where Debian keeps their licences. */
function coreNotices(): string {
  const packages = [
    'libc6-dev',
    'libjansson-dev',
    'libseccomp-dev',
    'libdeflate-dev',
    'zlib1g-dev',
    'libzstd-dev',
    'liblzma-dev',
    'libbz2-dev',
    'libssl-dev',
  ]
  const texts = packages.map(
    (name) => `${name}\n\n${readFileSync(join('/usr/share/doc', name, 'copyright'), 'utf8').trim()}\n`,
  )
  const blake3 = 'BLAKE3: dedicated to the public domain under CC0 1.0, or licensed under the Apache License 2.0\n'
  return ['tsbuild-core is linked statically with the following libraries.\n', ...texts, blake3].join(
    `\n${'-'.repeat(80)}\n\n`,
  )
}
