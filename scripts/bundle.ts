import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { rolldown } from 'rolldown'
import type { OutputChunk } from 'rolldown'
import { chunkGroups } from './chunk-groups.ts'
import { lazyBuiltins } from './lazy-builtins.ts'

const home = join(import.meta.dirname, '..')

/**
 * Writes the bundle of the command line into a folder (split, so that a command loads only its own modules), with the licences of what is
 * bundled; main.cjs is what starts it. Gives the name of the entry chunk. `embedded` names the core of a single executable; empty for any other.
 */
export async function writeBundle(folder: string, embedded: string): Promise<string> {
  rmSync(folder, { recursive: true, force: true })
  await using bundle = await rolldown({
    cwd: home,
    input: { cli: 'src/cli/main.ts' },
    platform: 'node',
    resolve: { conditionNames: ['tsbuild-source', 'node', 'import', 'default'] },
    plugins: [lazyBuiltins],
    transform: {
      target: 'node24',
      define: { TSBUILD_COMMIT: JSON.stringify(currentCommit()), TSBUILD_EMBEDDED: JSON.stringify(embedded) },
    },
  })
  const { output } = await bundle.write({
    dir: folder,
    format: 'cjs',
    // The chunks' own loader has no import().
    dynamicImportInCjs: false,
    codeSplitting: { groups: chunkGroups },
    // V8 believes code that was kept for a name and a length: no two contents may share a name.
    entryFileNames: '[name]-[hash].cjs',
    chunkFileNames: '[name]-[hash].cjs',
    comments: { legal: false },
    minify: { compress: true, mangle: false, codegen: { removeWhitespace: true } },
  })
  const modules = output
    .filter((part): part is OutputChunk => part.type === 'chunk')
    .flatMap(({ moduleIds }) => moduleIds)
  writeFileSync(join(folder, 'THIRD-PARTY-NOTICES.txt'), notices(modules))
  const entry = output.find((part) => part.type === 'chunk' && part.isEntry)!.fileName
  await writeStart('bundle', entry, join(folder, 'main.cjs'))
  return entry
}

/** Writes what starts a bundle, one file: `src/cli/start/NAME.ts` for an entry chunk. */
export async function writeStart(name: string, entry: string, file: string): Promise<void> {
  await using start = await rolldown({
    cwd: home,
    input: `src/cli/start/${name}.ts`,
    platform: 'node',
    transform: { define: { TSBUILD_ENTRY: JSON.stringify(`./${entry}`) } },
  })
  await start.write({ file, format: 'cjs', minify: true })
}

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
function notices(ids: readonly string[]): string {
  const folders = ids.flatMap((id) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id)?.[0] ?? [])
  const packages = [...new Set(folders)].sort().map((folder) => {
    const source = readFileSync(join(folder, 'package.json'), 'utf8')
    const { name, version, license } = JSON.parse(source) as Record<string, string>
    const files = readdirSync(folder)
      .filter((file) => /^(licen[cs]e|notice|copying)/i.test(file))
      .sort()
    const texts = files.map((file) => readFileSync(join(folder, file), 'utf8').trim())
    if (files.length === 0 && license === 'Apache-2.0') texts.push('The Apache License 2.0 is in LICENSE.')
    else if (files.length === 0) throw new Error(`${relative(home, folder)} comes without a licence text`)
    return `${name} ${version} (${license})\n\n${texts.join('\n\n')}\n`
  })
  const intro = 'The bundle of tsbuild contains code of the following packages.\n'
  return [intro, ...packages].join(`\n${'-'.repeat(80)}\n\n`)
}
