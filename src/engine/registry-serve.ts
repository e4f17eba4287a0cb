import { timingSafeEqual } from 'node:crypto'
import { createStoreRegistry } from '../image/store-registry.ts'
import { basicAuthorization } from '../registry/auth/credentials.ts'
import { createRegistryHandler } from '../registry/serve/handler.ts'
import { listen } from '../registry/serve/listen.ts'
import type { Engine, VerbContext } from './engine.ts'

export interface RegistryServeRequest {
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  readonly readOnly: boolean
  readonly tls?: { readonly certificate: string; readonly key: string }
  /** Whom to let in; without it everybody who reaches the port. */
  readonly user?: { readonly name: string; readonly password: string }
  /** Told when requests are taken. */
  readonly onListening: (origin: string) => void
  readonly onRequest?: (line: { readonly method: string; readonly path: string; readonly status: number }) => void
}

/** Serves the store by the distribution API until the signal fires. Error: REGISTRY_UNREACHABLE for a port that is taken. */
export async function registryServe(
  engine: Engine,
  request: RegistryServeRequest,
  { signal }: VerbContext,
): Promise<void> {
  const { store, snapshots, native, imageRecords: records } = engine
  const { user, onRequest } = request
  await using handler = createRegistryHandler(createStoreRegistry({ store, snapshots, native, records }, signal), {
    readOnly: request.readOnly,
    ...(user === undefined
      ? {}
      : { authorize: (header) => isSame(header, basicAuthorization(user.name, user.password)) }),
    ...(onRequest === undefined ? {} : { onRequest }),
  })
  await using server = await listen((incoming, response) => void handler(incoming, response), {
    host: request.host,
    port: request.port,
    ...(request.tls === undefined ? {} : { tls: request.tls }),
  })
  request.onListening(server.origin)
  if (signal.aborted) return
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}

/** Compares in a time that tells nothing of the content. */
function isSame(given: string | undefined, wanted: string): boolean {
  const a = Buffer.from(given ?? '')
  const b = Buffer.from(wanted)
  return a.byteLength === b.byteLength && timingSafeEqual(a, b)
}
