import { afterAll, describe, expect, it } from 'vitest'
import { openCli } from '../helpers/tsbuild.ts'

const cli = openCli()
afterAll(() => cli[Symbol.asyncDispose]())

const warns = cli.files('warns', {
  Dockerfile: `# base is what all have
ARG VERSION=1
FROM scratch AS base
# N counts
ARG N=2
ENV n $N
FROM base
ENV old style
COPY file /
`,
  file: '',
})
const enforced = cli.files('enforced', { Dockerfile: '# check=error=true\nFROM scratch as a\nCOPY file /\n', file: '' })
const clean = cli.files('clean', { Dockerfile: 'FROM scratch\nCOPY file /\n', file: '' })

describe('build --check', () => {
  it('shows each warning as docker does, with its excerpt, and ends with 1', async () => {
    const { status, stdout } = await cli.run(['build', '--check', warns])
    expect(status).toBe(1)
    expect(stdout).toMatch(/^Check complete, 2 warnings have been found!\n\nWARNING: LegacyKeyValueFormat - https:/)
    expect(stdout).toContain('\nDockerfile:8:1\n  7 | FROM base\n> 8 | ENV old style\n    | ^^^^^^^^^^^^^\n')
  })

  it('of a good file says so and ends with 0', async () => {
    expect(await cli.run(['build', '--check', clean])).toMatchObject({
      status: 0,
      stdout: 'Check complete, no warnings found.\n',
    })
  })

  it('leaves the status to checks that docker has: others only warn', async () => {
    const { status, stdout } = await cli.run(['build', '--check', '-'], { stdin: 'FROM busybox\n' })
    expect(stdout).toContain('WARNING: UnpinnedBaseImage\n')
    expect(status).toBe(0)
  })

  it('shows errors behind the warnings, all of them', async () => {
    const { status, stdout } = await cli.run(['build', '--check', '-'], { stdin: 'FROM scratch\nCPOY a b\nRUNN x\n' })
    expect(status).toBe(1)
    expect(stdout.match(/^ERROR: INSTRUCTION_UNKNOWN\nunknown instruction "/gm)).toHaveLength(2)
  })

  it("as JSON is docker's", async () => {
    const { stdout, status } = await cli.run(['build', '--call', 'check,format=json', enforced])
    expect(status).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject({
      warnings: [{ ruleName: 'FromAsCasing', location: { ranges: [{ start: { line: 2 }, end: { line: 2 } }] } }],
      sources: [{ filename: 'Dockerfile', language: 'Dockerfile' }],
      buildError: { message: 'lint violation found for rules: FromAsCasing' },
    })
  })

  it('tells of a big context and its biggest folders, after the ignore file', async () => {
    const folder = cli.files('big', {
      Dockerfile: 'FROM scratch\nCOPY data /\n',
      '.dockerignore': 'hidden\n',
      'small/a': 'x',
      'data/.keep': '',
      'hidden/.keep': '',
    })
    const { truncateSync } = await import('node:fs')
    truncateSync(`${folder}/data/.keep`, 120_000_000)
    truncateSync(`${folder}/hidden/.keep`, 500_000_000)
    const { stdout } = await cli.run(['build', '--check', folder])
    expect(stdout).toContain('WARNING: LargeContext\nBuild context has 120 MB; biggest are "data" (120 MB), "small"')
  })
})

describe('build --call', () => {
  it('outline lists arguments of the target', async () => {
    expect(await cli.ok('build', '--call', 'outline', '--target', 'base', '--build-arg', 'N=7', warns)).toContain(
      'BUILD ARG   VALUE   DESCRIPTION\nN           7       counts\n',
    )
  })

  it('targets lists stages', async () => {
    expect(await cli.ok('build', '--call=targets', warns)).toMatch(/^TARGET +DESCRIPTION\nbase +.*\n\(default\)/)
    const { targets } = JSON.parse(await cli.ok('build', '--call', 'targets,format=json', warns)) as {
      readonly targets: readonly object[]
    }
    expect(targets).toMatchObject([
      { name: 'base', base: 'scratch' },
      { default: true, base: 'base' },
    ])
  })

  it('build builds, and another word is refused', async () => {
    expect(await cli.ok('build', '-q', '--call', 'build', clean)).toMatch(/^sha256:/)
    expect(await cli.fails(['build', '--call', 'chek', clean])).toMatchObject({ code: 'USAGE', status: 2 })
    expect(await cli.fails(['build', '--call', 'check,format=xml', clean])).toMatchObject({ code: 'USAGE' })
  })

  it('leaves nothing behind', async () => {
    const before = await cli.inventory()
    await cli.run(['build', '--check', warns])
    expect(await cli.inventory()).toEqual(before)
  })
})

describe('build', () => {
  it('says warnings of what it built at the end, but not with -q', async () => {
    const { status, stderr } = await cli.run(['build', '--progress', 'plain', warns])
    expect(status).toBe(0)
    expect(stderr).toMatch(
      /\n2 warnings found:\n- LegacyKeyValueFormat: .* \(line 6\)\n- LegacyKeyValueFormat: .* \(line 8\)\n$/,
    )
    expect((await cli.run(['build', '-q', warns])).stderr).toBe('')
    expect((await cli.run(['build', '--target', 'base', warns])).stderr).toContain('\n1 warning found:\n')
  })

  it('stops when "# check=error=true" is broken, unless the build argument says otherwise', async () => {
    expect(await cli.fails(['build', enforced])).toMatchObject({
      code: 'CHECK_FAILED',
      status: 1,
      details: { rules: ['FromAsCasing'] },
    })
    await cli.ok('build', '-q', '--build-arg', 'BUILDKIT_DOCKERFILE_CHECK=skip=FromAsCasing', enforced)
  })

  it('shows every mistake of the text with excerpt and hint', async () => {
    const { stderr } = await cli.run(['build', '-'], { stdin: 'FROM scratch\nCPOY a b\nRUNN x\n' })
    expect(stderr).toContain(`ERROR Unknown instruction "CPOY" [DOCKERFILE_INVALID]
Dockerfile:2:1
  1 | FROM scratch
> 2 | CPOY a b
    | ^^^^
  3 | RUNN x
  hint: Did you mean "COPY"?
ERROR Unknown instruction "RUNN" [DOCKERFILE_INVALID]
Dockerfile:3:1
  2 | CPOY a b
> 3 | RUNN x
    | ^^^^
  hint: Did you mean "RUN"?
`)
  })

  it('shows mistakes that only the evaluation finds together, each once', async () => {
    const stdin = 'FROM scratch\nEXPOSE 70000\nSTOPSIGNAL FOO\nCOPY --chmod=x http://a/b /\n'
    const { details } = await cli.fails(['build', '-'], { stdin })
    expect(details).toMatchObject({ line: 2, others: [{ line: 3 }, { line: 4 }, { line: 4 }] })
  })
})
