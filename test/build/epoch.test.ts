import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { cannotBuild, openBuilder } from './builder.ts'
import type { BuildOptions } from './builder.ts'
import { tempDir } from './temp-dir.ts'

const newest = 1_700_000_302
const served = 1_700_000_201
const committed = 1_700_000_101

/** An archive with two files, the newest of `newest`. */
function archive(): Buffer {
  const folder = tempDir()
  const make = `cd "${folder}" && printf 'FROM scratch\nCOPY foo /\n' > Dockerfile && echo bar > foo && mkdir sub && echo x > sub/old \
    && touch -d @1600000000 Dockerfile sub/old && touch -d @${newest} foo && tar -czf ../context-$$.tgz . && cat ../context-$$.tgz && rm ../context-$$.tgz`
  return execFileSync('sh', ['-c', make])
}

/** A bare repository, as a server without a git program of its own gives it. */
function repository(): string {
  const folder = tempDir()
  const env = { PATH: process.env['PATH'], HOME: folder, GIT_CONFIG_NOSYSTEM: '1' }
  const date = `@${committed} +0000`
  const run = (...args: string[]): Buffer =>
    execFileSync('git', ['-C', folder, '-c', 'user.email=t@example.org', '-c', 'user.name=t', ...args], {
      env: { ...env, GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date },
    })
  run('init', '--quiet')
  execFileSync('sh', ['-c', `cd "${folder}" && printf 'FROM scratch\nCOPY Dockerfile /\n' > Dockerfile`])
  run('add', 'Dockerfile')
  run('commit', '--quiet', '--message=m')
  run('update-server-info')
  return join(folder, '.git')
}

async function serve(): Promise<AsyncDisposable & { readonly url: string; readonly requests: string[] }> {
  const bytes = archive()
  const git = repository()
  const requests: string[] = []
  const server = createServer((request, response) => {
    const path = (request.url ?? '').replace(/\?.*$/, '')
    requests.push(path)
    if (path === '/dated.tgz') response.setHeader('last-modified', new Date(served * 1000).toUTCString())
    if (path.endsWith('.tgz')) return void response.end(bytes)
    if (path === '/plain') return void response.end('no archive')
    try {
      response.end(readFileSync(join(git, path.replace('/repo.git/', ''))))
    } catch {
      response.writeHead(404).end()
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

const last = 'FROM scratch\nCOPY <<E /f\nx\nE'
const given = (value: string): BuildOptions => ({ buildArgs: { SOURCE_DATE_EPOCH: value } })

describe('SOURCE_DATE_EPOCH', () => {
  it.for<[string, string, (url: string) => BuildOptions & { readonly context?: string }, number | undefined]>([
    ['is a number', last, () => given('12'), 12],
    ['may have a sign', last, () => given('+7'), 7],
    ['may lie before 1970', last, () => given('-5'), -5],
    ['is not set when it is empty', last, () => given(''), undefined],
    ['context: nothing for a folder', last, () => given('context'), undefined],
    [
      'context: of an archive the newest file',
      last,
      (url) => ({ ...given('context'), context: `${url}/c.tgz` }),
      newest,
    ],
    ['context: the time of the server', last, (url) => ({ ...given('context'), context: `${url}/dated.tgz` }), served],
    ['context: the commit', last, (url) => ({ ...given('context'), context: `${url}/repo.git` }), committed],
    [
      'a build context, in any case of letters',
      last,
      (url) => ({ ...given('Source'), contexts: new Map([['source', `${url}/c.tgz`]]) }),
      newest,
    ],
    [
      'a build context that is an image has no time',
      last,
      () => ({ ...given('source'), contexts: new Map([['source', 'docker-image://base']]) }),
      undefined,
    ],
    [
      'a stage that adds an archive',
      `ARG NAME=c.tgz\nARG SOURCE_DATE_EPOCH=source\nFROM scratch AS source\nARG NAME\nADD URL/$NAME /\n${last}`,
      () => ({}),
      newest,
    ],
    ['a stage, as argument', `FROM scratch AS source\nADD URL/dated.tgz /\n${last}`, () => given('SOURCE'), served],
    [
      'a stage that adds a repository',
      `FROM scratch AS source\nADD URL/repo.git /\n${last}`,
      () => given('source'),
      committed,
    ],
    [
      'a stage of something without a time',
      `FROM scratch AS source\nADD URL/plain /\n${last}`,
      () => given('source'),
      undefined,
    ],
  ])('%s', async ([, text, options, expected]) => {
    await using server = await serve()
    await using builder = await openBuilder()
    const own = options(server.url)
    const before = Date.now()
    const { images } = await builder.build(text.replaceAll('URL', server.url), own)
    const created = Date.parse(images[0]?.config.created ?? '')
    if (expected === undefined) expect(created).toBeGreaterThanOrEqual(before - 1000)
    else expect(created).toBe(expected * 1000)
    expect(builder.leftovers()).toEqual([])
  })

  it('is asked anew when all else is as it was', async () => {
    await using server = await serve()
    await using builder = await openBuilder()
    const text = `FROM scratch AS source\nADD ${server.url}/dated.tgz /\n${last}`
    await builder.build(text, given('source'))
    const { length } = server.requests
    await builder.build(text, given('source'))
    expect(server.requests.length).toBeGreaterThan(length)
  })

  it.skipIf(cannotBuild)('reaches RUN as the number, or not at all', async () => {
    await using server = await serve()
    await using builder = await openBuilder()
    const run = 'FROM base\nARG SOURCE_DATE_EPOCH\nRUN echo "<${SOURCE_DATE_EPOCH-unset}>"'
    await builder.build(`ARG SOURCE_DATE_EPOCH=source\nFROM scratch AS source\nADD ${server.url}/c.tgz /\n${run}`)
    expect(builder.output()).toContain(`<${newest}>`)
    await builder.build(run, given('context'))
    expect(builder.output()).toContain('<unset>')
  })

  it.for<[string, string, string | undefined, object]>([
    ['no such thing', last, 'soon', { code: 'USAGE', message: expect.stringContaining('"soon"') as string }],
    [
      'near a stage',
      `FROM scratch AS source\nADD http://127.0.0.1:1/x /\n${last}`,
      'sourc',
      { hint: 'Did you mean "source"?' },
    ],
    ['a fraction', last, '1.5', { code: 'USAGE' }],
    ['a year that no date has', last, '99999999999999', { code: 'USAGE' }],
    [
      'in the file',
      `ARG SOURCE_DATE_EPOCH=soon\n${last}`,
      undefined,
      { code: 'DOCKERFILE_INVALID', details: { line: 1 } },
    ],
    [
      'a stage on another',
      `FROM base AS source\nADD http://127.0.0.1:1/x /\n${last}`,
      'source',
      { details: { line: 1 } },
    ],
    ['a stage that copies', `FROM scratch AS source\nCOPY f /\n${last}`, 'source', { details: { line: 2 } }],
    [
      'a stage that adds a file of ours',
      `FROM scratch AS source\nADD f /\n${last}`,
      'source',
      { details: { line: 2 } },
    ],
    [
      'a stage that adds two things',
      `FROM scratch AS source\nADD http://127.0.0.1:1/x /\nADD http://127.0.0.1:1/y /\n${last}`,
      'source',
      { code: 'DOCKERFILE_INVALID', details: { line: 3 } },
    ],
    [
      'an empty stage',
      `FROM scratch AS source\n${last}`,
      'source',
      { code: 'DOCKERFILE_INVALID', details: { line: 1 } },
    ],
  ])('says what is wrong with %s', async ([, text, value, error]) => {
    await using builder = await openBuilder()
    await expect(builder.build(text, value === undefined ? {} : given(value))).rejects.toMatchObject(error)
    expect(builder.leftovers()).toEqual([])
  })

  it('refuses what is not what the checksum of the stage says', async () => {
    await using server = await serve()
    await using builder = await openBuilder()
    const text = `FROM scratch AS source\nADD --checksum=sha256:${'0'.repeat(64)} ${server.url}/c.tgz /\n${last}`
    await expect(builder.build(text, given('source'))).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' })
  })
})
