import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startRegistry, type Registry } from '../helpers/registry.ts'
import { openCli, projectHome, standIns, type Cli, type CliResult } from '../helpers/tsbuild.ts'
import { noUsers, openUnprivilegedCli } from '../helpers/unprivileged.ts'

/* Container engines of before a system call answer it with ENOSYS, or, the older ones, with EPERM: whoever runs in their containers has to do without it. */

const image = 'debian:bookworm'
let hub: Registry
beforeAll(async () => {
  hub = await startRegistry({ seed: standIns })
})
afterAll(() => hub[Symbol.asyncDispose]())

/** The command line under the filter that FILTER tells. */
const folder = mkdtempSync(join(tmpdir(), 'tsbuild-filters-'))
const program = join(folder, 'tsbuild')
chmodSync(folder, 0o755)
execFileSync('cc', ['-D_GNU_SOURCE', '-o', join(folder, 'deny'), join(projectHome, 'native/tests/deny.c')])
writeFileSync(program, `#!/bin/sh\nexec ${folder}/deny $FILTER -- ${projectHome}/bin/tsbuild "$@"\n`, { mode: 0o755 })
afterAll(() => rmSync(folder, { recursive: true }))

describe.for(['root', ...(noUsers === false ? ['a user'] : [])])('as %s', (who) => {
  let cli: Cli
  beforeAll(async () => {
    const setup = { hub: hub.origin, program, env: { FILTER: 'ENOSYS' } }
    cli = who === 'root' ? openCli(setup) : openUnprivilegedCli({ hasSubIds: false }, setup)
    await cli.ok('pull', '-q', image)
  })
  afterAll(() => cli[Symbol.asyncDispose]())

  const under = (words: readonly string[], args: readonly string[]): Promise<CliResult> =>
    cli.run(args, { env: { FILTER: words.join(' ') } })

  // Node itself cannot start where clone3 is answered with EPERM.
  it.for([
    ['ENOSYS', 'clone3', 'close_range', 'openat2', 'statx'],
    ['EPERM', 'close_range', 'openat2', 'statx'],
  ])('containers, exec and steps do without what is answered with %s', async (words) => {
    const context = cli.files('context', {
      Dockerfile: `FROM ${image}\nRUN --network=none echo made > /made\n`,
      file: '',
    })
    expect(await under(words, ['build', '-q', '--no-cache', '-t', 'made', context])).toMatchObject({ status: 0 })
    const started = await under(words, ['run', '-d', '--name', 'box', '--network', 'none', 'made', 'sleep', '1000'])
    expect(started).toMatchObject({ status: 0 })
    expect(await under(words, ['exec', 'box', 'cat', '/made', '/proc/1/comm'])).toMatchObject({
      status: 0,
      stdout: 'made\nsleep\n',
    })
    expect(await under(words, ['rm', '-f', 'box'])).toMatchObject({ status: 0, stdout: 'box\n' })
  })

  it('no descriptor is left to a container where close_range is refused', async () => {
    const { stdout } = await under(
      ['ENOSYS', 'close_range'],
      ['run', '--rm', '--network', 'none', image, 'sh', '-c', 'echo /proc/self/fd/*'],
    )
    expect(stdout).toMatch(/^(\/proc\/self\/fd\/[0-3] ?)+\n$/)
  })

  it.for(['unshare', 'pivot_root'])('what cannot be done without %s says so', async (call) => {
    const { status, stderr } = await under(['EPERM', call], ['run', '--rm', '--network', 'none', image, 'true'])
    expect(status).not.toBe(0)
    expect(stderr).toMatch(/hint: .*tsbuild doctor/)
  })
})
