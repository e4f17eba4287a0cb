import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openCli } from '../helpers/tsbuild.ts'
import type { Cli } from '../helpers/tsbuild.ts'

/** Flags of docker's build in the ways in which scripts write them. */
let cli: Cli
beforeAll(() => {
  cli = openCli()
  cli.files('context', { Dockerfile: 'FROM scratch\nCOPY f /\n', f: 'content of f\n' })
})
afterAll(() => cli[Symbol.asyncDispose]())

describe('build', () => {
  it.for(['type=tar', 'type=oci'])('-o %s without a place writes to stdout', async (output) => {
    const archive = await cli.ok('build', '-o', output, 'context')
    expect(archive.slice(257, 262)).toBe('ustar')
    if (output === 'type=tar') expect(archive).toContain('content of f\n')
    else expect(archive).toContain('"imageLayoutVersion"')
  })

  it('tells that the file of a secret is missing, also where no step wants it', async () => {
    const missing = await cli.fails(['build', '--secret', 'id=a,src=nowhere', 'context'])
    expect(missing).toMatchObject({ code: 'SECRET_MISSING', status: 1 })
    writeFileSync(join(cli.folder, 'here'), 'x')
    await cli.ok('build', '-q', '--secret', 'id=a,src=here', 'context')
  })

  it.for([
    ['-D', 'build', 'nowhere'],
    ['build', '-D', 'nowhere'],
    ['buildx', 'build', '--debug', 'nowhere'],
  ])('shows stacks: %s %s %s', async (words) => {
    const { status, stderr } = await cli.run(words)
    expect(status).toBe(1)
    expect(stderr).toMatch(/\n\s+at /)
    expect((await cli.run(words.filter((word) => !/^(-D|--debug)$/.test(word)))).stderr).not.toMatch(/\n\s+at /)
  })
})
