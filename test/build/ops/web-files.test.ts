import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createWebClient } from '../../../src/build/ops/web-client.ts'
import { createWebFiles } from '../../../src/build/ops/web-files.ts'
import type { WebFiles } from '../../../src/build/ops/web-files.ts'
import { sha256 } from '../../../src/oci/digest.ts'
import { openStore } from '../../../src/store/store.ts'
import { tempDir } from '../temp-dir.ts'

type Answer = (request: IncomingMessage, response: ServerResponse) => void

/** A server whose answers a test gives, and a client of it with its own store. */
async function world(
  answer: Answer,
  authorization: (host: string) => Promise<string | undefined> = async () => undefined,
) {
  const seen: IncomingMessage[] = []
  const server = createServer((request, response) => {
    seen.push(request)
    answer(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const store = await openStore(tempDir())
  const folder = tempDir()
  const proxies = { http: undefined, https: undefined, no: undefined }
  const client = createWebClient({ proxies, userAgent: 'test', authorization })
  const open = (): WebFiles =>
    createWebFiles({ db: store.db, request: client.request, temporary: (name) => join(folder, name) })
  return {
    seen,
    open,
    folder,
    host: `127.0.0.1:${port}`,
    url: `http://127.0.0.1:${port}/file.txt`,
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]()
      store[Symbol.dispose]()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const { signal } = new AbortController()
const modified = 'Mon, 02 Jan 2023 03:04:05 GMT'

describe('web files', () => {
  it('fetches once, with digest and time', async () => {
    await using it = await world((_request, response) => response.setHeader('last-modified', modified).end('hello'))
    const web = it.open()
    expect(await web.look(it.url, signal)).toEqual({ digest: sha256('hello'), modified: Date.parse(modified) })
    await using file = await web.fetch(it.url, undefined, signal)
    expect(readFileSync(file.path, 'utf8')).toBe('hello')
    expect(it.seen).toHaveLength(1)
  })

  it('asks with the validator the next time, and fetches nothing when it holds', async () => {
    await using it = await world((request, response) => {
      if (request.headers['if-none-match'] === '"v1"') response.writeHead(304).end()
      else response.setHeader('etag', '"v1"').end('hello')
    })
    await it.open().look(it.url, signal)
    expect(await it.open().look(it.url, signal)).toEqual({ digest: sha256('hello') })
    expect(it.seen).toHaveLength(2)
  })

  it('takes the new content when the validator does not hold', async () => {
    let text = 'one'
    await using it = await world((_request, response) => response.setHeader('etag', `"${text}"`).end(text))
    await it.open().look(it.url, signal)
    text = 'two'
    const web = it.open()
    expect(await web.look(it.url, signal)).toEqual({ digest: sha256('two') })
    await using file = await web.fetch(it.url, undefined, signal)
    expect(readFileSync(file.path, 'utf8')).toBe('two')
    expect(it.seen).toHaveLength(2)
  })

  it('follows redirects and gives credentials to their own host only', async () => {
    await using other = await world((_request, response) => response.end('there'))
    await using it = await world(
      (_request, response) => response.writeHead(302, { location: other.url }).end(),
      async (host) => (host === it.host ? 'Bearer t0ken' : undefined),
    )
    expect(await it.open().look(it.url, signal)).toEqual({ digest: sha256('there') })
    expect(it.seen[0]?.headers.authorization).toBe('Bearer t0ken')
    expect(other.seen[0]?.headers.authorization).toBeUndefined()
  })

  it('refuses content of another digest and leaves nothing', async () => {
    await using it = await world((_request, response) => response.end('hello'))
    await expect(it.open().fetch(it.url, sha256('other'), signal)).rejects.toMatchObject({
      code: 'DIGEST_MISMATCH',
      details: { want: sha256('other'), got: sha256('hello') },
    })
    expect(readdirSync(it.folder)).toEqual([])
  })

  it('names the status of a refusal', async () => {
    await using it = await world((_request, response) => response.writeHead(404).end('no'))
    await expect(it.open().look(it.url, signal)).rejects.toMatchObject({
      code: 'FETCH_FAILED',
      details: { status: 404 },
    })
  })

  it('tries again what fails in passing', async () => {
    let times = 0
    await using it = await world((_request, response) => {
      if (++times === 1) response.writeHead(503).end()
      else response.end('hello')
    })
    expect(await it.open().look(it.url, signal)).toEqual({ digest: sha256('hello') })
  })

  it('ends after too many redirects', async () => {
    await using it = await world((_request, response) => response.writeHead(302, { location: '/again' }).end())
    await expect(it.open().look(it.url, signal)).rejects.toMatchObject({ code: 'FETCH_FAILED' })
    expect(existsSync(it.folder)).toBe(true)
  })
})
