import { createHash, randomBytes } from 'node:crypto'
import { createServer } from 'node:net'
import type { Socket } from 'node:net'
import { createServer as createSecureServer } from 'node:tls'
import { setImmediate as turn } from 'node:timers/promises'
import type { AddressInfo, Server } from 'node:net'
import { expect, it } from 'vitest'
import { createDispatchers } from '../../src/registry/transport/dispatchers.ts'
import type { Exchange } from '../../src/registry/transport/http.ts'
import { defaultTimeouts } from '../../src/registry/transport/timing.ts'
import { createWire } from '../../src/registry/transport/wire.ts'
import { makeCertificate } from '../helpers/certificates.ts'

const schemes = ['http', 'https'] as const
type Answer = (socket: Socket, request: string) => void | Promise<void>

interface Rig extends AsyncDisposable {
  readonly get: (target: string) => ReturnType<Exchange>
}

/** A server that answers each request byte for byte as it is told, and the wire that asks it. */
async function openRig(scheme: (typeof schemes)[number], answer: Answer): Promise<Rig> {
  const sockets = new Set<Socket>()
  const serve = (socket: Socket): void => {
    sockets.add(socket)
    let seen = ''
    socket.on('error', () => undefined)
    socket.on('data', (bytes: Buffer) => {
      seen += bytes.toString('latin1')
      if (!seen.endsWith('\r\n\r\n')) return
      const request = seen
      seen = ''
      void answer(socket, request)
    })
  }
  const { certificate, key } = makeCertificate({ name: 'server', hosts: ['127.0.0.1'] })
  const server: Server = scheme === 'http' ? createServer(serve) : createSecureServer({ cert: certificate, key }, serve)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`
  const dispatchers = createDispatchers({
    tls: async () => ({ authorities: [], verify: false }),
    proxies: { http: undefined, https: undefined, no: undefined },
    connectTimeout: 60_000,
  })
  const wire = createWire(dispatchers, { ...defaultTimeouts, connect: 60_000 })
  return {
    get: (target) =>
      wire({
        method: 'GET',
        url: { origin, target },
        headers: {},
        signal: AbortSignal.timeout(120_000),
        repeatable: true,
      }),
    async [Symbol.asyncDispose]() {
      await dispatchers[Symbol.asyncDispose]()
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Each piece as a write of its own: with TLS that is a record, which is read by itself. */
async function inPieces(socket: Socket, bytes: Uint8Array, size: number): Promise<void> {
  for (let at = 0; at < bytes.byteLength; at += size)
    await new Promise<void>((resolve) => socket.write(bytes.subarray(at, at + size), () => resolve()))
}

function framed(framing: string, content: Buffer): Buffer {
  if (framing === 'length')
    return Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\ncontent-length: ${content.byteLength}\r\n\r\n`), content])
  if (framing === 'close') return Buffer.concat([Buffer.from('HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n'), content])
  const parts: Buffer[] = [Buffer.from('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n')]
  for (let at = 0; at < content.byteLength; at += 10_007) {
    const part = content.subarray(at, at + 10_007)
    parts.push(Buffer.from(`${part.byteLength.toString(16)}\r\n`), part, Buffer.from('\r\n'))
  }
  return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')])
}

const digest = (content: Uint8Array): string => createHash('sha256').update(content).digest('hex')

it('a head that comes in many reads is whole', async () => {
  const value = randomBytes(2500).toString('hex')
  const head = `HTTP/1.1 200 OK\r\nx-long: ${value}\r\nx-other: ${value.slice(0, 100)}\r\ncontent-length: 4\r\n\r\nbody`
  await using rig = await openRig('https', (socket) => inPieces(socket, Buffer.from(head), 33))
  for (let count = 0; count < 2; count += 1) {
    const { headers, body } = await rig.get('/')
    expect([headers['x-long'], headers['x-other']]).toEqual([value, value.slice(0, 100)])
    const chunks: Uint8Array[] = []
    for await (const chunk of body) chunks.push(chunk)
    expect(Buffer.concat(chunks).toString()).toBe('body')
  }
})

it.for(schemes.flatMap((scheme) => ['length', 'chunked', 'close'].map((framing) => [scheme, framing] as const)))(
  'a body by %s and %s is right for a reader that is slower than the connection',
  async ([scheme, framing]) => {
    const content = randomBytes(3_000_000)
    const bytes = framed(framing, content)
    await using rig = await openRig(scheme, (socket, request) => {
      const end = (): void => void (framing === 'close' && socket.end())
      if (request.startsWith('GET /pieces')) void inPieces(socket, bytes, 4099).then(end)
      else socket.write(bytes, end)
    })
    for (const target of ['/whole', '/pieces']) {
      const hash = createHash('sha256')
      for await (const chunk of (await rig.get(target)).lent) {
        for (let count = 0; count < 5; count += 1) await turn()
        hash.update(chunk)
      }
      expect(hash.digest('hex')).toBe(digest(content))
    }
  },
)

it.for(schemes)('chunks of a body that are kept stay what they are, by %s', async (scheme) => {
  const content = randomBytes(2_000_000)
  await using rig = await openRig(scheme, (socket) => void socket.write(framed('length', content)))
  const kept: Uint8Array[] = []
  for await (const chunk of (await rig.get('/')).body) kept.push(chunk)
  expect(digest(Buffer.concat(kept))).toBe(digest(content))
})
