import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startRegistry } from '../helpers/registry.ts'
import type { Registry } from '../helpers/registry.ts'
import { openCli, projectHome, standIns } from '../helpers/tsbuild.ts'
import type { Cli } from '../helpers/tsbuild.ts'

let hub: Registry
let cli: Cli
let context: string

beforeAll(async () => {
  hub = await startRegistry({ seed: standIns })
  cli = openCli({ hub: hub.origin })
  context = join(cli.folder, 'basic-img')
  cpSync(join(projectHome, 'fixtures/basic-img'), context, { recursive: true })
})
afterAll(async () => {
  await cli[Symbol.asyncDispose]()
  await hub[Symbol.asyncDispose]()
})

const idOf = async (name: string): Promise<string> => (await cli.ok('images', '-q', '--no-trunc', name)).split('\n')[0]!

interface Inspected {
  readonly Id: string
  readonly Config: Readonly<Record<string, unknown>>
  readonly RootFS: { readonly Layers: readonly string[] }
}

const inspect = async (name: string): Promise<Inspected> =>
  (JSON.parse(await cli.ok('image', 'inspect', name)) as readonly Inspected[])[0]!

describe('the example', () => {
  it('is built by "tsbuild -t", and has the config that its Dockerfile says', async () => {
    await cli.ok('-t', 'basic-img', context)
    const { Config } = await inspect('basic-img')
    expect(Config).toMatchObject({
      Entrypoint: ['java', '-jar', 'app-in-image.jar'],
      WorkingDir: '/opt',
      ExposedPorts: { '60431/tcp': {} },
      Labels: { description: 'Echo IP Java Development' },
    })
  })

  it('is listed', async () => {
    const [heading, row] = (await cli.ok('images', 'basic-img')).split('\n')
    expect(heading).toMatch(/^REPOSITORY +TAG +IMAGE ID +CREATED +SIZE$/)
    expect(row).toMatch(/^basic-img +latest +[0-9a-f]{12} +\S.* ago +[\d.]+[kMG]B$/)
  })

  it('built again under other names is cached and the same image', async () => {
    const again = await cli.run(['build', '-t', 'basic-img:1.0', '--progress', 'plain', context])
    await cli.ok('build', '-t', 'basic-img:2.0', context)
    expect(again.stderr.match(/^#\d+ CACHED$/gm)).toHaveLength(3)
    const ids = await Promise.all(['basic-img', 'basic-img:1.0', 'basic-img:2.0'].map(idOf))
    expect(new Set(ids).size).toBe(1)
    expect(ids[0]).toMatch(/^sha256:[0-9a-f]{64}$/)
  })

  it('with another LABEL is another image of the same layers, and adds no layer to the store', async () => {
    const before = await inspect('basic-img')
    const snapshots = (await cli.inventory()).filter((item) => item.startsWith('snapshots/'))
    const path = join(context, 'Dockerfile')
    writeFileSync(path, readFileSync(path, 'utf8').replace('Echo IP', 'Another'))
    await cli.ok('build', '-t', 'labelled', context)
    const after = await inspect('labelled')
    expect(after.Id).not.toBe(before.Id)
    expect(after.RootFS.Layers).toEqual(before.RootFS.Layers)
    expect((await cli.inventory()).filter((item) => item.startsWith('snapshots/'))).toEqual(snapshots)
  })

  it('-q prints the ID only; --iidfile writes it', async () => {
    const quiet = await cli.run(['build', '-q', '--iidfile', join(cli.folder, 'id'), '-t', 'basic-img', context])
    expect(quiet.stdout).toBe(`${await idOf('basic-img')}\n`)
    expect(quiet.stderr).toBe('')
    expect(readFileSync(join(cli.folder, 'id'), 'utf8')).toBe(quiet.stdout.trim())
  })
})

describe('bad input', () => {
  const good = 'FROM debian:bookworm\n'

  beforeAll(async () => {
    await cli.ok('pull', 'debian:bookworm')
  })

  it.for([
    {
      name: 'unknown instruction',
      files: { Dockerfile: `${good}RUNN make\n` },
      want: { code: 'DOCKERFILE_INVALID', message: 'Unknown instruction "RUNN"', hint: 'Did you mean "RUN"?' },
      place: { file: 'Dockerfile', line: 2, column: 1 },
    },
    {
      name: 'missing COPY source',
      files: { Dockerfile: `${good}ENV A=b\nCOPY ap.jar /opt/\n`, 'app.jar': '' },
      want: { code: 'SOURCE_MISSING', hint: expect.stringContaining('app.jar') as unknown },
      place: { file: 'Dockerfile', line: 3 },
    },
    {
      name: 'COPY source hidden by .dockerignore',
      files: { Dockerfile: `${good}COPY app.jar /opt/\n`, 'app.jar': '', '.dockerignore': '# build output\n*.jar\n' },
      want: { code: 'SOURCE_MISSING', message: 'Cannot copy "app.jar": .dockerignore:2 hides it with "*.jar"' },
      place: { file: 'Dockerfile', line: 2 },
    },
    {
      name: 'unknown base',
      files: { Dockerfile: 'FROM no-such-image:7\n' },
      want: {},
      place: { file: 'Dockerfile', line: 1, column: 6 },
    },
    {
      name: 'unknown stage',
      files: {
        Dockerfile: `${good}FROM debian:bookworm AS build\nFROM debian:bookworm\nCOPY --from=biuld /etc/passwd /x\n`,
      },
      want: {},
      place: { file: 'Dockerfile', line: 4 },
    },
    {
      name: 'step that fails',
      files: { Dockerfile: `${good}RUN echo before && exit 7\n` },
      want: { code: 'RUN_FAILED', details: expect.objectContaining({ exitCode: 7 }) as unknown },
      place: { file: 'Dockerfile', line: 2, column: 1 },
    },
    {
      name: 'command that does not exist',
      files: { Dockerfile: `${good}RUN ["no-such-command"]\n` },
      want: {},
      place: { file: 'Dockerfile', line: 2 },
    },
  ])('$name', async ({ files, want, place }) => {
    const folder = cli.files('bad', files)
    const before = await cli.inventory()
    const error = await cli.fails(['build', '-t', 'bad', folder])
    expect(error).toMatchObject(want)
    expect(error.details).toMatchObject(place)
    expect(error.status).toBe(1)
    expect(await cli.inventory()).toEqual(before)
    rmSync(folder, { recursive: true })
  })

  it('broken jar path of the example', async () => {
    rmSync(join(context, 'target'), { recursive: true })
    const before = await cli.inventory()
    const error = await cli.fails(['-t', 'bad', context])
    expect(error).toMatchObject({ code: 'SOURCE_MISSING', status: 1, details: { file: 'Dockerfile', line: 4 } })
    expect(error.message).toContain('"target/app-in-host.jar"')
    expect(await cli.inventory()).toEqual(before)
  })

  it('registry down: the base cannot be fetched', async () => {
    const folder = cli.files('down', { Dockerfile: 'FROM 127.0.0.1:1/a:1\n' })
    const before = await cli.inventory()
    const error = await cli.fails(['build', '-t', 'bad', folder])
    expect(error).toMatchObject({ code: 'REGISTRY_UNREACHABLE', status: 1, details: { line: 1, column: 6 } })
    expect(error.hint).toBeDefined()
    expect(await cli.inventory()).toEqual(before)
  })

  it('no context, no Dockerfile', async () => {
    expect(await cli.fails(['build', '-t', 'bad', join(cli.folder, 'nowhere')])).toMatchObject({
      code: 'CONTEXT_UNREADABLE',
      status: 1,
    })
    expect(await cli.fails(['build', '-t', 'bad', cli.files('empty', {})])).toMatchObject({
      code: 'CONTEXT_UNREADABLE',
      status: 1,
    })
  })

  it.for([
    [['imges'], 'COMMAND_UNKNOWN', 'Did you mean "tsbuild images"?'],
    [['build', '--tga', 'x', '.'], 'USAGE', 'Did you mean --tag?'],
    [['build', '-t', 'Upper Case', '.'], 'REFERENCE_INVALID', undefined],
    [['build', '--progress', 'fancy', '.'], 'USAGE', undefined],
  ] as const)('%j', async ([args, code, hint]) => {
    const error = await cli.fails(args)
    expect(error.code).toBe(code)
    expect(error.status).toBe(code === 'REFERENCE_INVALID' ? 1 : 2)
    if (hint !== undefined) expect(error.hint).toBe(hint)
  })
})

it('a build that is interrupted leaves nothing and ends with 130', async () => {
  const folder = cli.files('slow', { Dockerfile: 'FROM debian:bookworm\nRUN touch /x && sleep 300\n' })
  await cli.ok('pull', 'debian:bookworm')
  const before = await cli.inventory()
  const child = spawn(join(projectHome, 'bin/tsbuild'), ['--root', cli.root, 'build', '--progress', 'plain', folder], {
    env: cli.environment,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let shown = ''
  await new Promise<void>((resolve) => {
    child.stderr.on('data', (chunk: Buffer) => (shown += chunk.toString()).includes('RUN touch') && resolve())
  })
  child.kill('SIGINT')
  expect(await once(child, 'exit')).toEqual([130, null])
  expect(await cli.inventory()).toEqual(before)
  expect(existsSync(join(cli.root, 'meta.db'))).toBe(true)
})
