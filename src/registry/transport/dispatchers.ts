import type { Dispatcher } from 'undici'
import { inAddressBlock } from './address-block.ts'
import { createReadMemory } from './read-memory.ts'
import type { ReadMemory } from './read-memory.ts'
import { hostOf, isLoopback } from './url.ts'
import { maxHeaderSize } from './wire-parts.ts'

/** How to speak TLS with a host. */
export interface TlsSettings {
  /** PEM of authorities that count beside the system's. */
  readonly authorities: readonly string[]
  readonly clientCertificate?: string
  readonly clientKey?: string
  readonly verify: boolean
}

export interface ProxyChoice {
  readonly http: string | undefined
  readonly https: string | undefined
  readonly no: string | undefined
}

export interface DispatcherOptions {
  readonly tls: (host: string) => Promise<TlsSettings>
  readonly proxies: ProxyChoice
  readonly connectTimeout: number
}

/** Connections by origin, opened when first asked for. Disposing drops them all. */
export interface Dispatchers extends AsyncDisposable, Pick<ReadMemory, 'readingOf'> {
  get(origin: string): Promise<Dispatcher>
  /** Whether a proxy stands between. */
  proxied(origin: string): boolean
}

export function createDispatchers(options: DispatcherOptions): Dispatchers {
  const made = new Map<string, Promise<Dispatcher>>()
  const memory = createReadMemory()
  return {
    get(origin) {
      const known = made.get(origin) ?? make(origin, options, memory)
      made.set(origin, known)
      return known
    },
    readingOf: memory.readingOf,
    proxied: (origin) => proxyFor(origin, options.proxies) !== undefined,
    async [Symbol.asyncDispose]() {
      const all = await Promise.allSettled(made.values())
      made.clear()
      await Promise.all(all.filter((one) => one.status === 'fulfilled').map((one) => one.value.destroy()))
    },
  }
}

async function make(origin: string, options: DispatcherOptions, memory: ReadMemory): Promise<Dispatcher> {
  const settings = await options.tls(hostOf({ origin }))
  const { rootCertificates } = settings.authorities.length === 0 ? { rootCertificates: [] } : await import('node:tls')
  const connect = {
    timeout: options.connectTimeout,
    rejectUnauthorized: settings.verify,
    ...(settings.authorities.length === 0 ? {} : { ca: [...rootCertificates, ...settings.authorities] }),
    ...(settings.clientCertificate === undefined ? {} : { cert: settings.clientCertificate, key: settings.clientKey }),
  }
  // Time-outs of headers and bodies are the wire's own: undici's tick once a second and do not see a stalled upload.
  const common = { headersTimeout: 0, bodyTimeout: 0, maxHeaderSize, keepAliveTimeout: 10_000, pipelining: 1 }
  const proxy = proxyFor(origin, options.proxies)
  if (proxy === undefined) {
    const { default: Agent } = await import('undici/lib/dispatcher/agent.js')
    return new Agent({ ...common, connect: await memory.connector(connect) })
  }
  // It needs methods that only the package's own entry puts in place.
  const { ProxyAgent } = await import('undici')
  return new ProxyAgent({ ...common, uri: proxy, proxyTunnel: origin.startsWith('https:'), requestTls: connect })
}

/** The proxy for an origin, by the rules of curl and Go: loopback never, NO_PROXY by name, suffix, address, CIDR block and port. */
export function proxyFor(origin: string, proxies: ProxyChoice): string | undefined {
  const proxy = origin.startsWith('https:') ? proxies.https : proxies.http
  if (proxy === undefined || proxy === '') return undefined
  const host = hostOf({ origin })
  if (isLoopback(host) || matchesNoProxy(host, origin, proxies.no ?? '')) return undefined
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(proxy) ? proxy : `http://${proxy}`
}

function matchesNoProxy(host: string, origin: string, list: string): boolean {
  const port = /:(\d+)$/.exec(host)?.[1] ?? (origin.startsWith('https:') ? '443' : '80')
  const name = host.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')
  return list.split(/[\s,]+/).some((entry) => {
    if (entry === '*') return true
    if (entry.includes('/')) return inAddressBlock(name, entry)
    const [, wanted = '', onlyPort] = noProxyEntry.exec(entry.toLowerCase()) ?? []
    if (wanted === '' || (onlyPort !== undefined && onlyPort !== port)) return false
    const plain = wanted.replace(/^\[|\]$/g, '')
    return name === plain || name.endsWith(`.${plain}`)
  })
}

/** `[*.]name[:port]`, `address[:port]`, `[address]:port` and an address of version 6 as it is. */
const noProxyEntry = /^(?:\*?\.)?(\[[0-9a-f:]+\]|[0-9a-f]*:[0-9a-f]*:[0-9a-f:]*|[^:]+)(?::(\d+))?$/
