import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { version } from '../../src/base/version.ts'
import { startRegistry } from '../helpers/registry.ts'
import { openCli, projectHome, standIns } from '../helpers/tsbuild.ts'

const place = mkdtempSync(join(tmpdir(), 'tsbuild-pack-'))
const copy = join(place, 'project')
const prefix = join(place, 'prefix')
const core = `npm/core-linux-${process.arch}`
const pinned = `node_modules/node-linux-${process.arch}`

afterAll(() => rmSync(place, { recursive: true, force: true }))

/** PATH as on a user's machine: without the Node that the tests run on. */
const userPath = (process.env['PATH'] ?? '')
  .split(delimiter)
  .filter((folder) => !folder.includes('node_modules'))
  .join(delimiter)

function npm(folder: string, ...args: readonly string[]): string {
  const env = { ...process.env, PATH: userPath, npm_config_update_notifier: 'false' }
  return execFileSync('npm', args, { cwd: folder, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

interface Packed {
  readonly filename: string
  readonly files: readonly { readonly path: string; readonly mode: number }[]
}

function pack(folder: string): Packed {
  const output = npm(folder, 'pack', '--json', '--pack-destination', place)
  return (JSON.parse(output.slice(output.indexOf('[\n'))) as readonly Packed[])[0]!
}

let cli: Packed
let native: Packed

beforeAll(() => {
  // Packing builds dist/ and rewrites package.json for a moment: not where other tests run.
  mkdirSync(copy)
  const parts = [
    'bin',
    'src',
    'scripts',
    'native',
    'npm',
    'docs',
    'package.json',
    'LICENSE',
    'README.md',
    'tsconfig.json',
  ]
  execFileSync('cp', ['-a', '--', ...parts, copy], { cwd: projectHome })
  symlinkSync(join(projectHome, 'node_modules'), join(copy, 'node_modules'))
  mkdirSync(join(copy, '.cache'))
  if (existsSync(join(projectHome, '.cache/blake3')))
    symlinkSync(join(projectHome, '.cache/blake3'), join(copy, '.cache/blake3'))
  rmSync(join(copy, 'dist'), { recursive: true, force: true })
  const before = readFileSync(join(copy, 'package.json'), 'utf8')
  cli = pack(copy)
  native = pack(join(copy, core))
  expect(readFileSync(join(copy, 'package.json'), 'utf8')).toBe(before)
}, 300_000)

describe('tarballs', () => {
  it('of the command line: launcher, bundle, documents, licences; no sources, no tests', () => {
    const paths = cli.files.map(({ path }) => path)
    expect(paths).toEqual(
      expect.arrayContaining(['bin/tsbuild', 'dist/main.cjs', 'dist/THIRD-PARTY-NOTICES.txt', 'LICENSE', 'README.md']),
    )
    expect(
      paths.filter(
        (path) =>
          !/^(bin\/tsbuild|dist\/[^/]+\.(cjs|txt)|docs\/cli\/[^/]+\.md|LICENSE|README\.md|package\.json)$/.test(path),
      ),
    ).toEqual([])
    expect(cli.files.find(({ path }) => path === 'bin/tsbuild')!.mode & 0o111).not.toBe(0)
  })

  it('depends on the cores of its own version only', () => {
    const manifest = JSON.parse(
      execFileSync('tar', ['-xOzf', join(place, cli.filename), 'package/package.json'], { encoding: 'utf8' }),
    ) as Record<string, unknown>
    expect(manifest['version']).toBe(version)
    expect(manifest['optionalDependencies']).toMatchObject({
      '@tsbuild/core-linux-x64': version,
      '@tsbuild/core-linux-arm64': version,
    })
    expect(manifest).not.toHaveProperty('devDependencies')
    expect(manifest).not.toHaveProperty('scripts')
  })

  it('of the core: one executable and the licences of what is linked into it', () => {
    expect(native.files.map(({ path }) => path).toSorted()).toEqual([
      'LICENSE',
      'THIRD-PARTY-NOTICES.txt',
      'package.json',
      'tsbuild-core',
    ])
  })

  it('all packages have one version', () => {
    for (const arch of ['x64', 'arm64']) {
      const manifest = JSON.parse(readFileSync(join(projectHome, `npm/core-linux-${arch}/package.json`), 'utf8')) as {
        version: string
      }
      expect(manifest.version).toBe(version)
    }
  })
})

describe('installed globally without scripts, on the Node of the machine', () => {
  const program = join(prefix, 'bin/tsbuild')

  beforeAll(() => {
    // The pinned Node is linked from here: it is an ordinary package of the registry, which tests do without.
    const packages = [join(place, native.filename), join(place, cli.filename), join(projectHome, pinned)]
    npm(
      place,
      'install',
      '--global',
      '--ignore-scripts',
      '--offline',
      '--no-audit',
      '--no-fund',
      '--prefix',
      prefix,
      ...packages,
    )
  }, 300_000)

  it('tells its version', () => {
    const env = { PATH: userPath, HOME: place }
    expect(execFileSync(program, ['--version'], { env, encoding: 'utf8' })).toMatch(
      new RegExp(`^tsbuild version ${version}, build `),
    )
    expect(execFileSync(program, ['doctor'], { env, encoding: 'utf8' })).toContain(
      join(prefix, 'lib/node_modules/@tsbuild'),
    )
  })

  it('builds and runs', async () => {
    await using hub = await startRegistry({ seed: standIns })
    await using installed = openCli({ hub: hub.origin, program, env: { PATH: userPath } })
    const context = installed.files('context', {
      Dockerfile: 'FROM debian:bookworm\nCOPY greeting /\nRUN cat /greeting > /said\nCMD ["cat", "/said"]\n',
      greeting: 'hello\n',
    })
    await installed.ok('-t', 'greeting', context)
    expect(await installed.ok('run', '--rm', 'greeting')).toBe('hello\n')
  })
})
