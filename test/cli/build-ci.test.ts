import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openCli } from '../helpers/tsbuild.ts'
import type { Cli } from '../helpers/tsbuild.ts'

let cli: Cli
let context: string

beforeAll(() => {
  cli = openCli()
  context = cli.files('context', { Dockerfile: 'FROM scratch\nARG A\nCOPY <<E /a\n$A\nE\n' })
})
afterAll(() => cli[Symbol.asyncDispose]())

describe('what a pipeline made for docker buildx does', () => {
  it.for<readonly [string, RegExp]>([
    ['buildx version', /^github\.com\/docker\/buildx v0\.\d+\.\d+ /],
    [
      'buildx create --name ci --driver docker-container --driver-opt network=host --buildkitd-flags --debug --use',
      /^ci\n$/,
    ],
    ['buildx inspect --bootstrap --builder ci', /^Name: +ci\nDriver: +tsbuild\n\nNodes:\n[\s\S]*Status: +running\n/],
    ['buildx --builder ci ls', /^NAME .*\ndefault\* .*running/],
    ['buildx use ci', /^$/],
    ['buildx rm ci', /^ci removed\n$/],
    ['buildx history ls --builder ci', /^BUILD ID /],
    ['buildx prune --builder ci -f --reserved-space 1g', /^Total:\t/],
  ])('%s', async ([line, want]) => {
    const { status, stdout, stderr } = await cli.run(line.split(' '))
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toMatch(want)
  })

  it('says nothing about flags that ask for what is done anyway', async () => {
    const flags =
      '--builder ci --load --provenance false --sbom=false --attest type=sbom,disabled=true --rm --isolation default'
    const { status, stderr } = await cli.run(['build', '-q', ...flags.split(' '), context])
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  })

  it('is told when it asks for attestations', async () => {
    for (const flag of ['--provenance=mode=max', '--attest=type=sbom'])
      expect((await cli.run(['build', '-q', flag, context])).stderr).toMatch(/^Warning: No attestations are made/)
  })
})

describe('what pipelines made for other builders do', () => {
  it('--digest-file and --image-name-with-digest-file, as kaniko has them', async () => {
    const [digest, names] = [join(cli.folder, 'digest'), join(cli.folder, 'names')]
    const files = ['--digest-file', digest, '--image-name-with-digest-file', names]
    await cli.ok('build', '-q', '-t', 'host.example/a:1', '-t', 'host.example/b', ...files, context)
    expect(readFileSync(digest, 'utf8')).toMatch(/^sha256:[0-9a-f]{64}$/)
    const value = readFileSync(digest, 'utf8')
    expect(readFileSync(names, 'utf8')).toBe(`host.example/a:1@${value}\nhost.example/b:latest@${value}\n`)
  })

  it('--build-arg-file and --timestamp, as buildah has them; flags win over files', async () => {
    const folder = cli.files('args', { one: '# comment\n\nA=file\n', two: 'A=second\n' })
    const read = async (...flags: readonly string[]): Promise<string> => {
      const dest = join(cli.folder, 'result')
      await cli.ok('build', '-q', ...flags, '-o', dest, context)
      return readFileSync(join(dest, 'a'), 'utf8')
    }
    const files = ['one', 'two'].flatMap((name) => ['--build-arg-file', join(folder, name)])
    expect(await read(...files)).toBe('second\n')
    expect(await read(...files, '--build-arg', 'A=flag')).toBe('flag\n')
    const error = await cli.fails(['build', '--build-arg-file', join(folder, 'none'), context])
    expect(error).toMatchObject({ code: 'FILE_UNREADABLE' })
    await cli.ok('build', '-q', '-t', 'timed', '--timestamp', '86400', context)
    expect(await cli.ok('image', 'inspect', '-f', '{{.Created}}', 'timed')).toMatch(/^1970-01-02T00:00:00/)
  })
})

it.for([
  ['memory=100m,cpu-quota=50000', undefined],
  ['memry=1g', 'Did you mean "memory"?'],
  ['memory=lots', undefined],
] as const)('--resource %s', async ([text, hint]) => {
  if (text.startsWith('memory=100m')) {
    await cli.ok('build', '-q', '--resource', text, context)
    return
  }
  const error = await cli.fails(['build', '--resource', text, context])
  expect(error).toMatchObject({ code: 'USAGE', status: 2, ...(hint === undefined ? {} : { hint }) })
})
