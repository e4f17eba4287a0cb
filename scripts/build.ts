/**
 * Builds what is shipped: the native core, and dist/ with the bundle of the command line (code-split, so that a command loads only its
 * own modules), the licences of what is bundled, and the package of the Dockerfile parser.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import type { BuildOptions, Metafile } from 'esbuild'
import { lazyBuiltins } from './lazy-builtins.ts'

const home = join(import.meta.dirname, '..')
const common: BuildOptions = {
  absWorkingDir: home,
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  conditions: ['tsbuild-source'],
  legalComments: 'none',
  minifyWhitespace: true,
  minifySyntax: true,
  logLevel: 'warning',
}

execFileSync('make', ['-s', '-C', 'native'], { cwd: home, stdio: 'inherit' })
rmSync(join(home, 'dist'), { recursive: true, force: true })
const { metafile } = await build({
  ...common,
  entryPoints: { main: 'src/cli/main.ts' },
  outdir: 'dist',
  splitting: true,
  chunkNames: 'chunk-[hash]',
  metafile: true,
  plugins: [lazyBuiltins],
  define: { TSBUILD_COMMIT: JSON.stringify(currentCommit()) },
  // Bundled CommonJS packages call require for Node's own modules.
  banner: {
    js: "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);",
  },
})
writeFileSync(join(home, 'dist/THIRD-PARTY-NOTICES.txt'), notices(metafile))

function currentCommit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short=10', 'HEAD'], {
      cwd: home,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
  } catch {
    // A source archive has no history; the version alone names the build then.
    return 'archive'
  }
}

/** The licence texts of every package that has code in the bundle. */
function notices(bundled: Metafile): string {
  const folders = Object.keys(bundled.inputs).flatMap(
    (path) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? [],
  )
  const packages = [...new Set(folders)].sort().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(home, folder, 'package.json'), 'utf8')) as Record<
      string,
      string
    >
    const files = readdirSync(join(home, folder))
      .filter((file) => /^(licen[cs]e|notice|copying)/i.test(file))
      .sort()
    const texts = files.map((file) => readFileSync(join(home, folder, file), 'utf8').trim())
    return `${name} ${version} (${license})\n\n${texts.join('\n\n')}\n`
  })
  const intro = 'The bundle of tsbuild contains code of the following packages.\n'
  return [intro, ...packages].join(`\n${'-'.repeat(80)}\n\n`)
}

if (!existsSync(join(home, 'dist/main.js'))) throw new Error('esbuild made no dist/main.js')
