import type { RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { TsbuildError, hasErrno, messageOf } from '../../base/errors.ts'

export interface ListenOptions {
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  readonly tls?: { readonly certificate: string; readonly key: string }
}

/** A listening server; disposing it drops open connections. */
export interface ListeningServer extends AsyncDisposable {
  readonly origin: string
  readonly port: number
}

/** Requests whose headers do not come are dropped; bodies may take as long as they make progress. */
const headersTimeout = 30_000

/** Starts an HTTP or HTTPS server. Error: REGISTRY_UNREACHABLE for an address that cannot be listened on. */
export async function listen(listener: RequestListener, options: ListenOptions): Promise<ListeningServer> {
  const server =
    options.tls === undefined
      ? (await import('node:http')).createServer(
          { headersTimeout, requestTimeout: 0, maxHeaderSize: 64 * 1024 },
          listener,
        )
      : (await import('node:https')).createServer(
          {
            headersTimeout,
            requestTimeout: 0,
            maxHeaderSize: 64 * 1024,
            cert: options.tls.certificate,
            key: options.tls.key,
          },
          listener,
        )
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) =>
      reject(
        new TsbuildError(
          'REGISTRY_UNREACHABLE',
          `Cannot listen on ${options.host}:${options.port}: ${messageOf(error)}`,
          {
            cause: error,
            ...(hasErrno(error, 'EADDRINUSE')
              ? { hint: 'Another server has this port: choose one with --listen' }
              : {}),
          },
        ),
      ),
    )
    server.listen(options.port, options.host, resolve)
  })
  const { port } = server.address() as AddressInfo
  const name = options.host.includes(':') ? `[${options.host}]` : options.host
  return {
    port,
    origin: `${options.tls === undefined ? 'http' : 'https'}://${name}:${port}`,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}
