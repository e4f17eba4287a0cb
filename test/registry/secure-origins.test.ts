import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import type { ErrorCode } from '../../src/base/error-codes.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { streamBlob } from '../../src/registry/fetch-blob.ts'
import { createDispatchers } from '../../src/registry/transport/dispatchers.ts'
import { createWire } from '../../src/registry/transport/wire.ts'
import { uploadBlob } from '../../src/registry/upload-blob.ts'
import { makeCertificate } from '../helpers/certificates.ts'
import { bytesSource, sampleImage, testClient } from '../helpers/registry-client.ts'
import { startFaultyRegistry } from '../helpers/registry-memory.ts'
import { reply, startScriptedServer } from '../helpers/registry-script.ts'

const certificate = makeCertificate({ name: 'server', hosts: ['localhost', '127.0.0.1'] })
const options = (): { readonly signal: AbortSignal; readonly action: string } => ({
  signal: AbortSignal.timeout(150_000),
  action: 'Cannot pull',
})

describe('a secure registry never leads to a plain connection', () => {
  it.for([301, 302, 303, 307, 308])('by a redirect (%i)', async (status) => {
    await using plain = await startScriptedServer()
    await using registry = await startFaultyRegistry({ tls: certificate })
    const layer = sampleImage().manifest.layers[0]!
    registry.on('GET', /blobs/, reply(status, { location: `${plain.origin}/bucket` }))
    await using client = testClient()
    const chunks = streamBlob(client, parseReference(`${registry.host}/app`), layer, options())
    await expect(Array.fromAsync(chunks)).rejects.toMatchObject({
      code: 'REGISTRY_PROTOCOL',
      message: expect.stringContaining('from a secure to a plain connection') as string,
    })
    expect(plain.requests).toEqual([])
  })

  it('by the Location of an upload', async () => {
    await using registry = await startFaultyRegistry({ tls: certificate })
    registry.on('POST', /uploads/, reply(202, { location: 'http://upload.example.com/v2/app/blobs/uploads/1' }))
    await using client = testClient()
    const sent = uploadBlob(client, parseReference(`${registry.host}/app`), bytesSource(Buffer.from('x')), options())
    await expect(sent).rejects.toMatchObject({
      code: 'REGISTRY_PROTOCOL',
      message: expect.stringContaining('to the plain connection upload.example.com') as string,
    })
  })

  it('but its own name in a plain Location is read as secure: a proxy ends TLS there', async () => {
    await using registry = await startFaultyRegistry({ tls: certificate })
    const content = Buffer.from('content')
    registry.on('POST', /uploads/, reply(202, { location: `http://${registry.host}/v2/app/blobs/uploads/one` }))
    registry.on('PATCH', /uploads\/one/, reply(202))
    registry.on('PUT', /uploads\/one/, reply(201))
    await using client = testClient()
    const sent = uploadBlob(client, parseReference(`${registry.host}/app`), bytesSource(content), options())
    expect(await sent).toEqual({ kind: 'pushed' })
    expect(registry.count('PUT', /uploads\/one/)).toBe(1)
  })
})

describe('a server that does not speak', () => {
  /** What it does with a connection before anything of HTTP can be said. */
  const servers: readonly (readonly [string, (socket: Socket) => void, ErrorCode])[] = [
    ['says nothing in the TLS handshake', () => undefined, 'REGISTRY_TIMEOUT'],
    ['closes in the TLS handshake', (socket) => socket.end(), 'REGISTRY_UNREACHABLE'],
    ['resets in the TLS handshake', (socket) => socket.resetAndDestroy(), 'REGISTRY_UNREACHABLE'],
    [
      'answers the TLS handshake in plain text',
      (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'),
      'REGISTRY_TLS',
    ],
    ['answers with noise', (socket) => socket.end(Buffer.alloc(100, 0x16)), 'REGISTRY_TLS'],
    [
      'drips a byte of a record now and then',
      (socket) => {
        const timer = setInterval(() => socket.write(Buffer.from([0x16])), 50)
        socket.on('close', () => clearInterval(timer))
      },
      'REGISTRY_TLS',
    ],
  ]

  it.for(servers)('%s', async ([name, behave, code]) => {
    // Only who says nothing is to be waited for in vain.
    const ms = name.startsWith('says nothing') ? 800 : 60_000
    const sockets: Socket[] = []
    const server = createServer((socket) => {
      sockets.push(socket)
      socket.on('error', () => undefined)
      behave(socket)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const origin = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
    await using dispatchers = createDispatchers({
      tls: async () => ({ authorities: [], verify: true }),
      proxies: { http: undefined, https: undefined, no: undefined },
      connectTimeout: ms,
    })
    const wire = createWire(dispatchers, { connect: ms, headers: ms, idle: ms, commit: ms, document: ms })
    const asked = wire({
      method: 'GET',
      url: { origin, target: '/v2/' },
      headers: { authorization: 'Basic secret' },
      repeatable: false,
      signal: AbortSignal.timeout(150_000),
    })
    await expect(asked).rejects.toMatchObject({ code })
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
})
