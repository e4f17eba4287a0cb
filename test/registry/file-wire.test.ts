import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { afterAll, expect, it } from 'vitest'
import { exchangeFile } from '../../src/registry/transport/file-wire.ts'
import { defaultTimeouts } from '../../src/registry/transport/timing.ts'
import { sha256 } from '../../src/oci/digest.ts'
import { fileBlob } from '../../src/image/transfer/layout-endpoint.ts'

const content = Buffer.alloc(9_000_000, 'layer content ')
const folder = mkdtempSync(join(tmpdir(), 'tsbuild-wire-'))
const path = join(folder, 'blob')
writeFileSync(path, content)
afterAll(() => rmSync(folder, { recursive: true }))

/** Sends the file to a server that answers what `answer` gives, by a socket that hides its descriptor. */
async function send(
  answer: (body: () => Promise<Buffer>) => Promise<string>,
): Promise<{ readonly status: number; readonly text: string }> {
  const { size, open } = fileBlob(path, sha256(content), content.byteLength)
  const server = createServer((request, response) => {
    answer(() => buffer(request)).then(
      (text) => response.end(text),
      () => request.socket.destroy(),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const { status, body } = await exchangeFile(
      {
        method: 'PATCH',
        url: { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, target: '/upload' },
        headers: {},
        body: { size, open },
        signal: AbortSignal.timeout(60_000),
        repeatable: false,
      },
      { path, start: 0, end: content.byteLength },
      {
        timeouts: defaultTimeouts,
        descriptor: () => undefined,
        sendFile: () => Promise.reject(new Error('There is no descriptor to send to')),
      },
    )
    return { status, text: (await buffer(body)).toString() }
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

it('sends through the process where the socket does not tell its descriptor', async () => {
  const answer = await send(async (body) => sha256(await body()))
  expect(answer).toEqual({ status: 200, text: sha256(content) })
})

it('stops where the server has answered before the end', async () => {
  expect(await send(async () => 'enough')).toMatchObject({ status: 200, text: 'enough' })
})

it('tells a lost connection', async () => {
  await expect(send(() => Promise.reject(new Error('gone')))).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' })
})
