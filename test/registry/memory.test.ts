import { writeFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { mediaTypes } from '../../src/oci/media-types.ts'
import { makeCertificate } from '../helpers/certificates.ts'
import { startFaultyRegistry } from '../helpers/registry-memory.ts'
import { endless, refuse, reply } from '../helpers/registry-script.ts'
import type { Reply } from '../helpers/registry-script.ts'
import { tarImage } from '../helpers/tar-image.ts'
import { openCli } from '../helpers/tsbuild.ts'
import type { Cli } from '../helpers/tsbuild.ts'

/** Whatever a server answers: a command that takes about 65 MB for a plain refusal must stay below 150. */
const allowed = 85

let cli: Cli
let plain: number

beforeAll(async () => {
  cli = openCli()
  const path = join(cli.folder, 'peak.cjs')
  // What getrusage tells may be of the process that was forked, before it became another.
  const peak = '/^VmHWM:\\s+(\\d+)/m.exec(require("node:fs").readFileSync("/proc/self/status", "utf8"))[1]'
  writeFileSync(path, `process.on("exit", () => process.stderr.write("PEAK " + ${peak} + "\\n"))`)
  plain = (await peakOf(['pull'], refuse(404, 'MANIFEST_UNKNOWN', 'none'))).peak
})
afterAll(() => cli[Symbol.asyncDispose]())

/** Megabytes that the command took at most when every request but HEAD is answered so. */
async function peakOf(
  [...words]: readonly string[],
  answer: Reply,
): Promise<{ readonly peak: number; readonly stderr: string }> {
  await using registry = await startFaultyRegistry()
  registry.on('GET', /^\/(?!v2\/$)/, answer)
  const { status, stderr } = await run([...words, `${registry.host}/app`])
  expect(status).toBe(1)
  return { peak: peakIn(stderr), stderr }
}

function run(words: readonly string[]): ReturnType<Cli['run']> {
  return cli.run(words, { env: { NODE_OPTIONS: `--require ${join(cli.folder, 'peak.cjs')}` } })
}

function peakIn(stderr: string): number {
  return Number(/^PEAK (\d+)$/m.exec(stderr)?.[1]) / 1024
}

const json = { 'content-type': mediaTypes.ociIndex }

/** Writes the start of an answer, then `more` again and again as long as the client reads. */
function flood(start: string, more: string): Reply {
  return ({ socket }) => {
    socket.write(start)
    pump(socket, Buffer.from(more))
  }
}

function pump(socket: Socket, chunk: Uint8Array): void {
  const more = (): void => {
    while (!socket.destroyed && socket.write(chunk));
  }
  socket.on('error', () => undefined)
  socket.on('drain', more)
  more()
}

const chunked = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n'

it.for<readonly [string, Reply, string, string]>([
  ['a body without an end', endless(200, json), 'pull', 'REGISTRY_TOO_LARGE'],
  ['chunks of a byte without an end', flood(chunked, '1\r\nx\r\n'.repeat(5000)), 'pull', 'REGISTRY_TOO_LARGE'],
  ['trailers without an end', flood(`${chunked}0\r\n`, `x: ${'y'.repeat(1000)}\r\n`), 'pull', 'REGISTRY_PROTOCOL'],
  ['headers without an end', flood('HTTP/1.1 200 OK\r\n', `x: ${'y'.repeat(1000)}\r\n`), 'pull', 'REGISTRY_PROTOCOL'],
  ['interim answers without an end', flood('', 'HTTP/1.1 102 Processing\r\n\r\n'), 'pull', 'REGISTRY_PROTOCOL'],
  ['an error body without an end', endless(403), 'pull', 'REGISTRY_DENIED'],
  ['4 MiB of brackets', reply(200, json, `${'['.repeat(2e6)}${']'.repeat(2e6)}`), 'pull', 'MANIFEST_INVALID'],
  ['4 MiB of entries', reply(200, json, `{"manifests":[${'{},'.repeat(1.3e6)}{}]}`), 'pull', 'MANIFEST_INVALID'],
  ['16 MiB of tags', reply(200, {}, `{"tags":[${'"a",'.repeat(4e6)}"a"]}`), 'registry ls', 'REGISTRY_PROTOCOL'],
  ['a list without an end', endless(200), 'registry ls', 'REGISTRY_TOO_LARGE'],
  ['a catalog without an end', endless(200), 'search', 'REGISTRY_TOO_LARGE'],
])('%s', async ([, answer, command, code]) => {
  const { peak, stderr } = await peakOf(command.split(' '), answer)
  expect(stderr).toContain(`[${code}]`)
  expect(peak - plain).toBeLessThan(allowed)
})

/** Megabytes. A connection that read into memory of its own each time let 30 of it gather. */
const noise = 15

it.for(['http', 'https'])('a pull by %s takes no more for a layer of 128 MB than for a small one', async (scheme) => {
  const certificate = makeCertificate({ name: 'registry', hosts: ['127.0.0.1'] })
  await using registry = await startFaultyRegistry(scheme === 'https' ? { tls: certificate } : {})
  const peaks: number[] = []
  for (const [name, size] of [
    ['small', 1e6],
    ['large', 128e6],
  ] as const) {
    registry.memory.add(name, 'v1', await tarImage([{ file: Buffer.alloc(size, scheme) }], { compression: 'none' }))
    const { status, stderr } = await run(['pull', `${registry.host}/${name}:v1`])
    expect([status, stderr.replace(/^PEAK .*\n/m, '')]).toEqual([0, ''])
    peaks.push(peakIn(stderr))
  }
  expect(peaks[1]! - peaks[0]!).toBeLessThan(noise)
})
