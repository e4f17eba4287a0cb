import { createServer } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { connect } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { expect, it } from 'vitest'
import { createDispatchers } from '../../src/registry/transport/dispatchers.ts'
import type { ProxyChoice, TlsSettings } from '../../src/registry/transport/dispatchers.ts'
import type { HttpResponse } from '../../src/registry/transport/http.ts'
import { readSome } from '../../src/registry/transport/body.ts'
import { createWire } from '../../src/registry/transport/wire.ts'
import { makeCertificate } from '../helpers/certificates.ts'
import { listenOnLoopback } from '../helpers/listen.ts'

const authority = makeCertificate({ name: 'ca', authority: true })
const server = makeCertificate({
  name: 'server',
  hosts: ['localhost', '127.0.0.1', 'registry.test'],
  issuer: authority,
})
const client = makeCertificate({ name: 'client', hosts: ['client'], issuer: authority })

async function get(
  origin: string,
  tls: Partial<TlsSettings>,
  proxies: Partial<ProxyChoice> = {},
): Promise<{ readonly response: HttpResponse; readonly text: string }> {
  await using dispatchers = createDispatchers({
    tls: async () => ({ authorities: [authority.certificate], verify: true, ...tls }),
    proxies: { http: undefined, https: undefined, no: undefined, ...proxies },
    connectTimeout: 60_000,
  })
  const times = { connect: 60_000, headers: 60_000, idle: 60_000, commit: 60_000, document: 60_000 }
  const wire = createWire(dispatchers, times)
  const signal = AbortSignal.timeout(150_000)
  const response = await wire({
    method: 'GET',
    url: { origin, target: '/v2/' },
    headers: {},
    repeatable: false,
    signal,
  })
  return { response, text: await readSome(response, 1000, 60_000) }
}

it('a client certificate is shown to a registry that wants one', async () => {
  const options = { cert: server.certificate, key: server.key, ca: authority.certificate, requestCert: true }
  const registry = createSecureServer({ ...options, rejectUnauthorized: false }, (request, response) => {
    const socket = request.socket as TLSSocket
    response.end(`${String(socket.authorized)} ${String(socket.getPeerCertificate().subject?.CN ?? 'nobody')}`)
  })
  const listening = await listenOnLoopback(registry, 'https')
  const shown = { clientCertificate: client.certificate, clientKey: client.key }
  expect((await get(listening.origin, shown)).text).toBe('true client')
  expect((await get(listening.origin, {})).text).toBe('false nobody')
  await listening.close()
})

/** A proxy that wants a login. */
async function startProxy(upstream: number): Promise<{
  readonly port: number
  readonly seen: readonly string[]
  close(): Promise<void>
}> {
  const seen: string[] = []
  const sockets = new Set<Socket>()
  const mayPass = (request: IncomingMessage): boolean => {
    seen.push(`${request.method ?? ''} ${request.url ?? ''} ${request.headers['proxy-authorization'] ?? 'anonymous'}`)
    return request.headers['proxy-authorization'] === `Basic ${Buffer.from('me:pa ss').toString('base64')}`
  }
  const proxy = createServer((request, response) => {
    response.writeHead(mayPass(request) ? 200 : 407).end('by the proxy')
  })
  proxy.on('connect', (request, socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    if (!mayPass(request)) {
      socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n')
      return
    }
    const target = connect(upstream, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      target.pipe(socket).pipe(target)
    })
    target.on('error', () => socket.destroy())
  })
  const { close } = await listenOnLoopback(proxy)
  return {
    port: (proxy.address() as AddressInfo).port,
    seen,
    async close() {
      for (const socket of sockets) socket.destroy()
      await close()
    },
  }
}

it('a proxy gets its own login, the registry behind it does not', async () => {
  let arrived: string | undefined = 'nothing'
  const registry = createSecureServer({ cert: server.certificate, key: server.key }, (request, response) => {
    arrived = request.headers['proxy-authorization']
    response.end('by the registry')
  })
  const listening = await listenOnLoopback(registry, 'https')
  const proxy = await startProxy(listening.port)
  const uri = `http://me:pa%20ss@127.0.0.1:${proxy.port}`
  expect((await get('https://registry.test', {}, { https: uri })).text).toBe('by the registry')
  expect(arrived).toBeUndefined()
  expect((await get('http://registry.test', {}, { http: uri })).text).toBe('by the proxy')
  expect(proxy.seen.map((line) => line.replace(/ \S+ \S+$/, ''))).toEqual([
    'CONNECT registry.test:443',
    'GET http://registry.test/v2/',
  ])
  await proxy.close()
  await listening.close()
})

it('a proxy that refuses is told of without its password', async () => {
  const proxy = await startProxy(1)
  const uri = `http://me:wrong-word@127.0.0.1:${proxy.port}`
  const outcome: unknown = await get('https://registry.test', {}, { https: uri }).catch((error: unknown) => error)
  expect(outcome).toMatchObject({ code: 'REGISTRY_UNREACHABLE', message: expect.stringContaining('407') as string })
  expect(JSON.stringify(outcome)).not.toContain('wrong-word')
  await proxy.close()
})
