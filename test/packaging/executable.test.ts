import { createHash } from 'node:crypto'
import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { version } from '../../src/base/version.ts'
import { openCli, projectHome } from '../helpers/tsbuild.ts'

const place = mkdtempSync(join(tmpdir(), 'tsbuild-executable-'))
const program = join(place, 'tsbuild')

beforeAll(() => {
  const made = spawnSync('npm', ['run', '--silent', 'package'], { cwd: projectHome, encoding: 'utf8' })
  expect(made.stderr + made.stdout).toContain('MB')
  copyFileSync(join(projectHome, `dist-executable/tsbuild-linux-${process.arch}`), program)
  chmodSync(program, 0o755)
}, 300_000)
afterAll(() => rmSync(place, { recursive: true, force: true }))

describe('the single executable', () => {
  it('tells its version where there is no Node, no PATH and no home', () => {
    expect(execFileSync(program, ['--version'], { env: {}, cwd: '/', encoding: 'utf8' })).toMatch(
      new RegExp(`^tsbuild version ${version}, build [0-9a-f]{10}\n$`),
    )
  })

  it('builds and runs with the native core that it carries', async () => {
    await using cli = openCli({ program, env: { PATH: '/nonexistent', TSBUILD_CORE: '' } })
    const busybox = ['/usr/bin/busybox', '/bin/busybox'].find((path) => existsSync(path))!
    const context = cli.files('image', {
      Dockerfile:
        'FROM scratch\nCOPY busybox /bin/sh\nRUN echo made > /made\nCMD ["sh", "-c", "read x < /made; echo $x"]\n',
    })
    copyFileSync(busybox, join(context, 'busybox'))
    await cli.ok('build', '-t', 'inside', context)
    expect(await cli.ok('run', '--rm', '--network', 'none', 'inside')).toBe('made\n')
    const cores = readdirSync('/var/cache/tsbuild').filter((name) => /^core-[0-9a-f]{16}$/.test(name))
    expect(cores.length).toBeGreaterThan(0)
  })

  it('does not believe a core that others can write to', () => {
    const folder = '/var/cache/tsbuild'
    const digest = createHash('sha256').update(readFileSync(join(projectHome, 'native/build/tsbuild-core')))
    const core = join(folder, `core-${digest.digest('hex').slice(0, 16)}`)
    const size = statSync(core).size
    // Another file: what wrote layers to the disk after its command may still run from the old one.
    rmSync(core)
    writeFileSync(core, Buffer.alloc(size))
    chmodSync(core, 0o777)
    execFileSync(program, ['--root', join(place, 'store'), 'info'], { env: {}, cwd: '/', stdio: 'ignore' })
    expect(statSync(core).mode & 0o777).toBe(0o755)
    expect(execFileSync('head', ['-c', '4', core], { encoding: 'latin1' })).toBe('\x7fELF')
  })
})
