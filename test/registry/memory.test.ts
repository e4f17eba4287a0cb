import { writeFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { mediaTypes } from '../../src/oci/media-types.ts'
import { startFaultyRegistry } from '../helpers/registry-memory.ts'
import { endless, refuse, reply } from '../helpers/registry-script.ts'
import type { Reply } from '../helpers/registry-script.ts'
import { openCli } from '../helpers/tsbuild.ts'
import type { Cli } from '../helpers/tsbuild.ts'

/** Whatever a server answers: a command that takes about 65 MB for a plain refusal must stay below 150. */
const allowed = 85

let cli: Cli
let plain: number

beforeAll(async () => {
  cli = openCli()
  const path = join(cli.folder, 'peak.cjs')
  const peak = 'process.on("exit", () => process.stderr.write(`PEAK ${process.resourceUsage().maxRSS}\\n`))'
  writeFileSync(path, peak)
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
  const { status, stderr } = await cli.run([...words, `${registry.host}/app`], {
    env: { NODE_OPTIONS: `--require ${join(cli.folder, 'peak.cjs')}` },
  })
  expect(status).toBe(1)
  return { peak: Number(/^PEAK (\d+)$/m.exec(stderr)?.[1]) / 1024, stderr }
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
