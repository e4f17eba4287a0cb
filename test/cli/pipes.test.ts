import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openCli } from '../helpers/tsbuild.ts'
import type { Cli } from '../helpers/tsbuild.ts'

/** Where a user's file is a pipe, tsbuild waits for the other end, and ends when it is told to. */
let cli: Cli
beforeAll(() => {
  cli = openCli()
  execFileSync('mkfifo', [join(cli.folder, 'pipe')])
  cli.files('context', { Dockerfile: 'FROM scratch\nCOPY f /\n', f: 'x\n' })
  writeFileSync(join(cli.folder, 'file'), 'FROM scratch\nCOPY f /\n')
})
afterAll(() => cli[Symbol.asyncDispose]())

/** Opens the pipe for writing, which waits until it is read; then the command is told to end. */
const stopped = ['timeout', '60', 'sh', '-c', `"$@" & exec 3> pipe; kill -TERM $!; wait $!`, 'sh']
/** Gives the pipe the words of $TEXT. */
const fed = ['timeout', '60', 'sh', '-c', `"$@" & printf "$TEXT" > pipe; wait $!`, 'sh']

describe('a command that reads a pipe', () => {
  it.for<[string, string[]]>([
    ['build -f', ['build', '-f', 'pipe', 'context']],
    ['build --build-arg-file', ['build', '--build-arg-file', 'pipe', 'context']],
    ['build --ssh', ['build', '--ssh', 'default=pipe', 'context']],
    ['run --env-file', ['run', '--env-file', 'pipe', 'nothing']],
    ['create --label-file', ['create', '--label-file', 'pipe', 'nothing']],
    ['run --security-opt seccomp', ['run', '--security-opt', 'seccomp=pipe', 'nothing']],
    ['load -i', ['load', '-i', 'pipe']],
    ['import', ['import', 'pipe']],
    ['imagetools create -f', ['buildx', 'imagetools', 'create', '-f', 'pipe', '-t', 'a.invalid/b', 'a.invalid/c']],
    ['registry sync', ['registry', 'sync', 'pipe']],
  ])('%s ends by the signal', async ([, words]) => {
    const error = await cli.fails(words, { prefix: stopped })
    expect(error).toMatchObject({ code: 'CANCELLED', message: 'Stopped by SIGTERM' })
  })

  it('credentials end by the signal', async () => {
    const error = await cli.fails(['pull', 'registry.invalid/x'], {
      prefix: stopped,
      env: { REGISTRY_AUTH_FILE: join(cli.folder, 'pipe') },
    })
    expect(error.code).toBe('CANCELLED')
  })

  it('is given what another process writes, once', async () => {
    const options = { prefix: fed, env: { TEXT: 'FROM scratch\\nLABEL a=b\\n' } }
    for (let round = 0; round < 2; round++) {
      expect(await cli.run(['build', '-t', 'piped', '-f', 'pipe', 'context'], options)).toMatchObject({ status: 0 })
      expect(await cli.ok('inspect', '-f', '{{.Config.Labels.a}}', 'piped')).toBe('b\n')
    }
  })

  it('is refused where it is read at every command, or at many places', async () => {
    const path = join(cli.folder, 'pipe')
    expect(await cli.fails(['pull', 'x'], { env: { CONTAINERS_REGISTRIES_CONF: path } })).toMatchObject({
      code: 'SETTINGS_INVALID',
      message: expect.stringContaining('it is a pipe') as string,
    })
    // What lies in a context is a file.
    expect((await cli.fails(['check', 'pipe'])).code).toBe('CONTEXT_UNREADABLE')
    expect((await cli.fails(['registry', 'copy', 'oci-archive:pipe', 'oci:there'])).code).toBe('FILE_UNREADABLE')
  })
})

describe('a command that writes', () => {
  it('into a pipe waits for its reader', async () => {
    const read = ['sh', '-c', '"$@" & cat pipe > got; wait $!', 'sh']
    const id = await cli.ok('build', '-q', 'context')
    await cli.run(['build', '--iidfile', 'pipe', 'context'], { prefix: read })
    expect(readFileSync(join(cli.folder, 'got'), 'utf8')).toBe(id.trim())
    expect((await cli.run(['build', '-o', 'type=tar,dest=pipe', 'context'], { prefix: read })).status).toBe(0)
    expect(execFileSync('tar', ['-tf', join(cli.folder, 'got')], { encoding: 'utf8' })).toBe('f\n')
    await cli.ok('build', '-q', '-t', 'saved', 'context')
    expect((await cli.run(['save', '-o', 'pipe', 'saved'], { prefix: read })).status).toBe(0)
    expect(execFileSync('tar', ['-tf', join(cli.folder, 'got')], { encoding: 'utf8' })).toContain('manifest.json\n')
  })

  it('never puts a file in the place of a device or a link', async () => {
    const link = join(cli.folder, 'link')
    execFileSync('ln', ['-s', '/dev/null', link])
    await cli.ok('build', '-q', '-t', 'saved', '--iidfile', link, '--metadata-file', link, 'context')
    await cli.ok('save', '-o', link, 'saved')
    expect(execFileSync('readlink', [link], { encoding: 'utf8' })).toBe('/dev/null\n')
    // Where stdout is a file, /dev/stdout leads to it.
    const stdout = join(cli.folder, 'stdout')
    execFileSync('ln', ['-s', 'written', stdout])
    writeFileSync(join(cli.folder, 'written'), '')
    await cli.ok('build', '-q', '--iidfile', 'stdout', 'context')
    expect(execFileSync('readlink', [stdout], { encoding: 'utf8' })).toBe('written\n')
    expect(readFileSync(join(cli.folder, 'written'), 'utf8')).toMatch(/^sha256:[0-9a-f]{64}$/)
  })
})
