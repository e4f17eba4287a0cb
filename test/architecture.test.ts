import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, it } from 'vitest'

/** The ranks of docs/architecture.md: a file imports only from folders of a strictly lower rank. */
const ranks: Readonly<Record<string, number>> = {
  base: 0,
  oci: 1,
  dockerfile: 1.5,
  settings: 1.5,
  ui: 1.5,
  host: 2,
  store: 3,
  layer: 4,
  registry: 4,
  network: 4,
  volume: 4,
  snapshot: 5,
  image: 6,
  runtime: 6,
  build: 7,
  container: 7,
  engine: 8,
  cli: 9,
  api: 9,
}

/** Folders that only these others may import. */
const importers: Readonly<Record<string, readonly string[]>> = {
  ui: ['cli', 'api'],
  dockerfile: ['build', 'engine', 'cli'],
}

/** Order inside build/: a file of a folder may import only from folders before it. */
const buildOrder = ['solver', 'ops', 'plan']

/** Who may use what else. Each rule names a pattern in the text of a file without comments and strings of messages. */
const usage: readonly {
  readonly what: string
  readonly pattern: RegExp
  readonly allowed: (path: string) => boolean
}[] = [
  {
    what: 'start processes (node:child_process)',
    pattern: /from 'node:child_process'|import\('node:child_process'\)/,
    allowed: (path) => /^src\/(host\/|base\/process|registry\/credential)/.test(path),
  },
  {
    what: 'read the environment or the working directory (process.env, process.cwd)',
    pattern: /(?<![.\w])process\.(env|cwd)\b/,
    allowed: (path) => /^src\/(settings|cli)\//.test(path),
  },
  {
    what: 'end the process (process.exit)',
    pattern: /(?<![.\w])process\.exit\b/,
    allowed: (path) => path.startsWith('src/cli/'),
  },
  {
    what: 'write to the terminal (console, process.stdout, process.stderr)',
    pattern: /\bconsole\.|(?<![.\w])process\.(stdout|stderr)\b/,
    allowed: (path) => /^src\/(ui|cli)\//.test(path),
  },
]

interface SourceFile {
  readonly path: string
  readonly folder: string
  readonly text: string
  readonly imports: readonly Import[]
}

interface Import {
  readonly target: string
  readonly folder: string
  readonly names: readonly string[]
  readonly typeOnly: boolean
}

const home = join(import.meta.dirname, '..')
const files = readSources()

function readSources(): readonly SourceFile[] {
  const names = readdirSync(join(home, 'src'), { recursive: true, encoding: 'utf8' })
  return names
    .filter((name) => name.endsWith('.ts') && !name.includes('node_modules') && !name.includes('/dist/'))
    .map((name) => {
      const path = `src/${name}`
      const text = readFileSync(join(home, path), 'utf8').replace(/\/\*[^]*?\*\/|(?<=^|\s)\/\/.*$/gm, '')
      return { path, folder: name.split('/')[0]!, text, imports: importsOf(path, text) }
    })
}

function importsOf(path: string, text: string): readonly Import[] {
  const statements = text.matchAll(/(?:^|\n)(?:import|export)\s+(type\s+)?(?:([^'";]*?)\s+from\s+)?'([^']+)'/g)
  const dynamic = text.matchAll(/\bimport\('([^']+)'\)/g)
  const found = [
    ...[...statements].map(([, type, names, target]) => ({
      target: target!,
      names: names ?? '',
      typeOnly: type !== undefined,
    })),
    ...[...dynamic].map(([, target]) => ({ target: target!, names: '', typeOnly: false })),
  ]
  return found.flatMap(({ target, names, typeOnly }) => {
    const folder = folderOf(path, target)
    const list = names
      .replace(/[{}]/g, '')
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '')
    return folder === undefined ? [] : [{ target, folder, names: list, typeOnly }]
  })
}

function folderOf(path: string, target: string): string | undefined {
  if (target === '@dockerfile/parser') return 'dockerfile'
  if (!target.startsWith('.')) return undefined
  const resolved = normalize(join(dirname(path), target))
  return resolved.startsWith('src/') ? resolved.split('/')[1]! : `outside src: ${resolved}`
}

describe('folders of src', () => {
  it('all have a rank', () => {
    expect([...new Set(files.map(({ folder }) => folder))].filter((folder) => !(folder in ranks))).toEqual([])
  })

  it('import only from strictly lower ranks', () => {
    const wrong = files.flatMap(({ path, folder, imports }) =>
      imports
        .filter((entry) => entry.folder !== folder && !(rankOf(entry.folder) < rankOf(folder)))
        .map(
          (entry) =>
            `${path} (${folder}, rank ${rankOf(folder)}) imports ${entry.target} (${entry.folder}, rank ${rankOf(entry.folder)})`,
        ),
    )
    expect(wrong).toEqual([])
  })

  it('ui and the Dockerfile parser are imported only where they belong', () => {
    const wrong = files.flatMap(({ path, folder, imports }) =>
      imports
        .filter((entry) => entry.folder !== folder && importers[entry.folder]?.includes(folder) === false)
        .map((entry) => `${path} imports ${entry.target}: only ${importers[entry.folder]!.join(', ')} may`),
    )
    expect(wrong).toEqual([])
  })

  it('the Dockerfile parser is imported by its package name from outside', () => {
    const wrong = files.flatMap(({ path, folder, imports }) =>
      imports
        .filter(
          (entry) => entry.folder === 'dockerfile' && folder !== 'dockerfile' && entry.target !== '@dockerfile/parser',
        )
        .map((entry) => `${path} imports ${entry.target}: import '@dockerfile/parser'`),
    )
    expect(wrong).toEqual([])
  })
})

describe('inside build', () => {
  it('solver <- ops <- plan', () => {
    const place = (path: string): number => buildOrder.indexOf(path.split('/')[2] ?? '')
    const wrong = files
      .filter(({ path }) => path.startsWith('src/build/'))
      .flatMap(({ path, imports }) =>
        imports
          .filter(({ folder }) => folder === 'build')
          .map(({ target }) => normalize(join(dirname(path), target)))
          .filter((target) => place(path) !== -1 && place(target) > place(path))
          .map((target) => `${path} imports ${target}`),
      )
    expect(wrong).toEqual([])
  })
})

describe('what only some folders may do', () => {
  it.for(usage)('$what', ({ pattern, allowed }) => {
    const wrong = files.filter(({ path, text }) => !allowed(path) && pattern.test(text)).map(({ path }) => path)
    expect(wrong).toEqual([])
  })

  it('call the constructors of services (createX, openX) of ranks 2 to 7 of another folder', () => {
    const isService = (entry: Import): boolean => {
      const rank = rankOf(entry.folder)
      return rank >= 2 && rank <= 7 && !entry.typeOnly
    }
    const wrong = files
      .filter(({ folder }) => rankOf(folder) < rankOf('engine'))
      .flatMap(({ path, folder, imports }) =>
        imports
          .filter((entry) => entry.folder !== folder && isService(entry))
          .flatMap((entry) =>
            entry.names
              .filter(
                (name) =>
                  !name.startsWith('type ') &&
                  /^(create|open)[A-Z]\w*(Core|Store|Snapshotter|Service|Client|Registry|Engine)$/.test(name),
              )
              .map(
                (name) =>
                  `${path} imports the constructor ${name} from ${entry.target}: only engine puts services together`,
              ),
          ),
      )
    expect(wrong).toEqual([])
  })

  it('open paths below snapshots/: only the native core may', () => {
    // Folders that know where snapshots lie must not also hold file functions that could read or write below them.
    const wrong = files
      .filter(({ path }) => /^src\/(snapshot|layer|runtime|container|build|image)\//.test(path))
      .filter(({ text }) => /['"`/]snapshots\//.test(text) && /from 'node:fs(\/promises)?'/.test(text))
      .map(({ path }) => path)
    expect(wrong).toEqual([])
  })
})

describe('the native core', () => {
  const nativeRanks: Readonly<Record<string, number>> = { base: 0, data: 1, network: 1, runtime: 2, monitor: 3 }
  it('includes only headers of the same folder or of one with a lower rank', () => {
    const wrong = Object.entries(nativeRanks).flatMap(([folder, rank]) =>
      readdirSync(join('native', folder)).flatMap((name) =>
        [...readFileSync(join('native', folder, name), 'utf8').matchAll(/^#include "(\w+)\//gm)]
          .map(([, target]) => target!)
          .filter((target) => target !== folder && (nativeRanks[target] ?? 0) >= rank)
          .map((target) => `native/${folder}/${name} includes a header of ${target}`),
      ),
    )
    expect(wrong).toEqual([])
  })
})

function rankOf(folder: string): number {
  return ranks[folder] ?? Number.POSITIVE_INFINITY
}

it('docs/architecture.md names files and folders that exist', () => {
  const text = readFileSync(join(home, 'docs/architecture.md'), 'utf8')
  const named = [...text.matchAll(/`((?:src|native|scripts|test|bin|npm)\/[\w./-]+)`/g)].map(([, path]) => path!)
  expect(named.length).toBeGreaterThan(40)
  expect(named.filter((path) => !existsSync(join(home, path)))).toEqual([])
})
