import { spawn } from 'node:child_process'
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { hasErrno } from '../../src/base/errors.ts'
import { Monitored } from '../helpers/monitored.ts'
import { noContainers, scratch, until, type Scratch } from '../helpers/runtime-bundle.ts'

let own: Scratch
let box: Monitored
beforeEach(() => {
  own = scratch()
  box = new Monitored(own, `log-${own.path.slice(-6)}`)
})
afterEach(async () => {
  await box.dispose()
  own.dispose()
})

const sh = (script: string): readonly string[] => ['sh', '-c', script]
const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/)

/** Runs `script` to its end; `log` are members of the log's options. */
async function run(script: string, log: Readonly<Record<string, unknown>> = {}): Promise<void> {
  const answer = await box.start(sh(script), {
    plan: { log: { driver: 'json-file', path: box.logPath, maxSize: 0, maxFiles: 1, ...log } },
  })
  expect(answer.error).toBeUndefined()
  await box.ended()
}

/**
 * As `run` of several scripts one behind the other: each but the first begins when `isLogged` says that all before it are in the log. Two pipes have no
 * order of their own.
 */
async function runInTurn(
  scripts: readonly string[],
  isLogged: (parts: number) => boolean,
  log: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const [first, ...rest] = scripts
  const turns = rest.map((script, at) => `until test -e /tmp/turn${at + 1}; do sleep 0.02; done; ${script}`)
  const answer = await box.start(sh([first, ...turns].join('; ')), {
    plan: { log: { driver: 'json-file', path: box.logPath, maxSize: 0, maxFiles: 1, ...log } },
  })
  expect(answer.error).toBeUndefined()
  const { pid } = box.state()
  for (let parts = 1; parts < scripts.length; parts += 1) {
    await until(() => isLogged(parts), `part ${parts} in the log`)
    writeFileSync(`/proc/${pid}/root/tmp/turn${parts}`, '')
  }
  await box.ended()
}

describe.skipIf(noContainers)('the log', () => {
  it('has a line for each line, with its stream and time', async () => {
    const scripts = [
      'echo one',
      String.raw`printf 'quote " backslash \\ tab \t bell \a\r\n' >&2`,
      "printf 'no newline'",
    ]
    await runInTurn(scripts, (parts) => box.log().length === parts)
    expect(readFileSync(box.logPath, 'utf8').split('\n')[0]).toMatch(
      /^\{"log":"one\\n","stream":"stdout","time":"[^"]+"\}$/,
    )
    expect(box.log()).toEqual([
      { log: 'one\n', stream: 'stdout', time },
      { log: 'quote " backslash \\ tab \t bell \u0007\r\n', stream: 'stderr', time },
      { log: 'no newline', stream: 'stdout', time },
    ])
    expect(statSync(box.logPath).mode & 0o777).toBe(0o640)
  })

  it('joins what comes in pieces', async () => {
    const scripts = ['printf a; sleep 0.05; printf b; sleep 0.05; echo c; printf d', 'echo e >&2', 'echo f']
    await runInTurn(scripts, (parts) => box.log().length === parts)
    expect(box.log().map(({ log }) => log)).toEqual(['abc\n', 'e\n', 'df\n'])
  })

  it('cuts a very long line, not within a character', async () => {
    const line = `x${'\u00e4'.repeat(20_000)}`
    writeFileSync(join(own.root, 'long'), `${line}\nafter\n`)
    await run('cat /long')
    const entries = box.log().map(({ log }) => log)
    expect(entries.length).toBe(4)
    expect(entries.slice(0, 3).join('')).toBe(`${line}\n`)
    expect(entries.slice(0, 2).every((entry) => !entry.endsWith('\n') && Buffer.byteLength(entry) > 16_380)).toBe(true)
    expect(entries[3]).toBe('after\n')
  })

  it.for([16_383, 16_384, 16_385, 32_768])(
    'keeps a line of %i bytes whole together with its neighbours',
    async (size) => {
      const text = `before\n${'y'.repeat(size)}\nafter\n`
      writeFileSync(join(own.root, 'text'), text)
      await run('cat /text')
      expect(box.output()).toBe(text)
    },
  )

  it('replaces bytes that are no UTF-8', async () => {
    writeFileSync(
      join(own.root, 'bytes'),
      Buffer.from([0x61, 0xff, 0x62, 0xc3, 0x28, 0xed, 0xa0, 0x80, 0xf0, 0x9f, 0x98, 0x80, 0xc0, 0xaf, 0x00, 0x0a]),
    )
    await run('cat /bytes')
    expect(box.output()).toBe('a\ufffdb\ufffd(\ufffd\ufffd\ufffd\u{1f600}\ufffd\ufffd\0\n')
  })

  it('loses nothing when it is rotated', async () => {
    await run('seq 1 20000; seq 20001 21000 >&2', { maxSize: 100_000, maxFiles: 100 })
    expect(box.output('stdout')).toBe(Array.from({ length: 20_000 }, (_, index) => `${index + 1}\n`).join(''))
    expect(box.output('stderr').split('\n').length).toBe(1001)
    const sizes = readdirSync(box.dir)
      .filter((name) => name.startsWith('container.log'))
      .map((name) => statSync(join(box.dir, name)).size)
    expect(sizes.length).toBeGreaterThan(10)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(100_000)
  })

  it('keeps as many files as it may, the newest', async () => {
    await run('seq 1 20000', { maxSize: 50_000, maxFiles: 3 })
    expect(
      readdirSync(box.dir)
        .filter((name) => name.startsWith('container.log'))
        .toSorted(),
    ).toEqual(['container.log', 'container.log.1', 'container.log.2'])
    const numbers = box.output().trim().split('\n').map(Number)
    expect(numbers.at(-1)).toBe(20_000)
    expect(numbers.every((value, index) => index === 0 || value === numbers[index - 1]! + 1)).toBe(true)
  })

  it('with one file begins it anew', async () => {
    await run('seq 1 20000', { maxSize: 50_000, maxFiles: 1 })
    expect(readdirSync(box.dir).filter((name) => name.startsWith('container.log'))).toEqual(['container.log'])
    expect(box.output().endsWith('\n20000\n')).toBe(true)
  })

  it('compresses what is rotated, and says in each line what it was told to', async () => {
    await run('seq 1 20000', { maxSize: 50_000, maxFiles: 4, compress: true, attrs: '{"tag":"web"}' })
    const names = readdirSync(box.dir).filter((name) => name.startsWith('container.log'))
    expect(names.length).toBe(4)
    expect(names).toContain('container.log.3.gz')
    expect(names.some((name) => name.endsWith('.new'))).toBe(false)
    const text = gunzipSync(readFileSync(`${box.logPath}.3.gz`)).toString()
    expect(text.split('\n')[0]).toMatch(/^\{"log":"\d+\\n","stream":"stdout","attrs":\{"tag":"web"\},"time":"[^"]+"\}$/)
  })

  it('keeps the files that a client reads, and no longer', async () => {
    const log = { driver: 'json-file', path: box.logPath, maxSize: 10_000, maxFiles: 2 }
    const script = 'read go; seq 1 5000; read go; seq 5001 6000'
    await box.start(sh(script), { plan: { log, stdin: 'open' } })
    using writer = await box.connect()
    await writer.ask({ op: 'attach' })
    using reader = await box.connect()
    await reader.ask({ op: 'read-log' })
    await writer.writeStdin(Buffer.from('go\n'))
    const rotated = (): readonly string[] => readdirSync(box.dir).filter((name) => name.startsWith('container.log.'))
    const oldest = (): string => contentOf(`${box.logPath}.${rotated().length}`)
    await until(() => rotated().length > 2 && oldest().includes('"log":"1\\n"'), 'files that a reader has not read')
    reader[Symbol.dispose]()
    const newest = (): string => contentOf(`${box.logPath}.1`) + contentOf(box.logPath)
    await until(() => newest().includes('"log":"5000\\n"'), 'the container goes on without it')
    await until(() => rotated().length === 1, 'its files went')
    await writer.writeStdin(Buffer.from('go\n'))
    await box.ended()
  })

  it('goes on where an earlier run ended', async () => {
    await run('echo first')
    await run('echo second')
    expect(box.output()).toBe('first\nsecond\n')
  })

  it('of the driver none does not exist', async () => {
    await run('echo x', { driver: 'none', path: null })
    expect(readdirSync(box.dir).toSorted()).toEqual(['state.json'])
  })

  it('that cannot be opened is an error of the start', async () => {
    const path = join(box.dir, 'missing', 'container.log')
    const answer = await box.start(sh('true'), { plan: { log: { driver: 'json-file', path } } })
    expect(answer.error).toMatchObject({ errno: 'ENOENT', path })
  })
})

/** A journal: writes each datagram that it gets, and a line of its own behind it. */
const journal = `
use IO::Socket::UNIX; use Socket;
my $in = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $ARGV[0]) or die;
$| = 1;
while (defined $in->recv(my $entry, 100000)) { print $entry, "--\n" }
`

describe.skipIf(noContainers)('the journal', () => {
  it('gets an entry for each line, with its stream and what is said of the container', async () => {
    const socket = join(own.path, 'journal')
    const server = spawn('perl', ['-e', journal, socket], { stdio: ['ignore', 'pipe', 'inherit'] })
    let received = ''
    server.stdout.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')))
    try {
      await until(() => existsSync(socket), 'the journal')
      const scripts = ['echo one', 'echo bad >&2', String.raw`head -c 16390 /dev/zero | tr '\0' x; printf '\nleft'`]
      const fields = ['CONTAINER_NAME=web', 'CONTAINER_TAG=two\nlines']
      const entries = (): number => received.split('--\n').length - 1
      await runInTurn(scripts, (parts) => entries() === parts, { driver: 'journald', path: socket, fields })
      await until(() => entries() === 5, 'five entries')
    } finally {
      server.kill()
    }
    const rest = 'CONTAINER_NAME=web\nCONTAINER_TAG\n\x09\0\0\0\0\0\0\0two\nlines\n'
    expect(received.split('--\n').slice(0, -1)).toEqual([
      `MESSAGE=one\nPRIORITY=6\n${rest}`,
      `MESSAGE=bad\nPRIORITY=3\n${rest}`,
      `MESSAGE=${'x'.repeat(16_384)}\nPRIORITY=6\nCONTAINER_PARTIAL_MESSAGE=true\n${rest}`,
      `MESSAGE=xxxxxx\nPRIORITY=6\n${rest}`,
      `MESSAGE=left\nPRIORITY=6\n${rest}`,
    ])
  })

  it('that is not there is said so', async () => {
    const plan = { log: { driver: 'journald', path: join(own.path, 'nobody'), fields: [] } }
    const answer = await box.start(sh('true'), { plan })
    expect(answer.error).toMatchObject({
      code: 'FEATURE_MISSING',
      message: expect.stringContaining('journald is not enabled on this host'),
    })
  })
})

/** Files are renamed while they are looked at: one that is between two names is empty for now. */
function contentOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return ''
    throw error
  }
}
