import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startRegistry } from '../helpers/registry.ts'
import type { Registry } from '../helpers/registry.ts'
import { openCli, projectHome, standIns } from '../helpers/tsbuild.ts'
import type { Cli } from '../helpers/tsbuild.ts'

let hub: Registry
let cli: Cli
const context = join(projectHome, 'fixtures/multi-stage')

beforeAll(async () => {
  hub = await startRegistry({ seed: standIns })
  cli = openCli({ hub: hub.origin })
})
afterAll(async () => {
  await cli[Symbol.asyncDispose]()
  await hub[Symbol.asyncDispose]()
})

it('two stages, RUN in both forms, COPY --from, ADD of an archive, .dockerignore, ARG, ENV and USER do what they say', async () => {
  await cli.ok('build', '-t', 'multi', '--build-arg', 'TITLE=River', '--build-arg', 'VERSION=3', context)
  expect(await cli.ok('run', '--rm', 'multi')).toBe(
    `/site/assets/img/dot.svg
/site/assets/style.css
/site/first.html
/site/second.html
reader
<h1>River</h1>
<p>The heron waits at the ford.
<p>Two otters upstream.
`,
  )
  const format =
    '{{.Config.User}} {{.Config.WorkingDir}} {{index .Config.Labels "org.opencontainers.image.version"}} {{json .Config.Cmd}}'
  expect(await cli.ok('image', 'inspect', '--format', format, 'multi')).toBe(
    'reader /site 3 ["sh","-c","cat index whoami; cat $PAGE.html"]\n',
  )
  expect(
    await cli.ok('run', '--rm', 'multi', 'stat', '-c', '%U:%G', '/site/first.html', '/site/assets/style.css'),
  ).toBe('reader:reader\nreader:reader\n')
  expect(await cli.ok('run', '--rm', '-e', 'PAGE=second', 'multi')).toContain('Rain since dawn.')
})

it('one changed file runs again what reads it, and nothing else', async () => {
  const { cpSync, writeFileSync } = await import('node:fs')
  const copy = join(cli.folder, 'multi-stage')
  cpSync(context, copy, { recursive: true })
  await cli.ok('build', '-t', 'multi', copy)
  writeFileSync(join(copy, 'notes/private.txt'), 'Changed, but ignored.\n')
  const untouched = await cli.run(['build', '--progress', 'plain', copy])
  expect(untouched.stderr).not.toMatch(/^#\d+ DONE .*\n\n#\d+ \[.*RUN/m)
  writeFileSync(join(copy, 'src/second.txt'), 'Sun at noon.\n')
  const { stderr } = await cli.run(['build', '-t', 'multi', '--progress', 'plain', copy])
  const cached = stderr.split('\n\n').filter((part) => part.includes('CACHED'))
  expect(cached.some((part) => part.includes('WORKDIR /work'))).toBe(true)
  expect(cached.some((part) => part.includes("RUN echo 'reader"))).toBe(true)
  expect(await cli.ok('run', '--rm', '-e', 'PAGE=second', 'multi')).toContain('Sun at noon.')
})

it('--target ends at a stage, and an unknown one names the nearest', async () => {
  await cli.ok('build', '-t', 'stage', '--target', 'build', context)
  expect(await cli.ok('run', '--rm', 'stage', 'sh', '-c', 'ls $SITE')).toContain('first.html')
  const error = await cli.fails(['build', '--target', 'biuld', context])
  expect(error).toMatchObject({ code: 'STAGE_UNKNOWN', status: 1 })
  expect(error.hint).toContain('build')
})
