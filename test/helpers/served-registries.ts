import { createStoreRegistry } from '../../src/image/store-registry.ts'
import { createRegistryHandler } from '../../src/registry/serve/handler.ts'
import { listen } from '../../src/registry/serve/listen.ts'
import { openTestImages } from './image-store.ts'
import { testClient } from './registry-client.ts'
import { startFaultyRegistry } from './registry-memory.ts'
import { hasDockerRegistry, startRegistry } from './registry.ts'

export interface ServedRegistry extends AsyncDisposable {
  readonly origin: string
}

/** An empty registry on a socket, for the suite of the distribution API. */
export interface ServedKind {
  readonly name: string
  start(): Promise<ServedRegistry>
  /** What it is known not to do; cases about that are left out. */
  readonly lacks: readonly string[]
}

/** docker-registry 2.8, measured with the conformance suite of the specification. */
const lacksOfDocker = [
  'single POST',
  'order of chunks',
  'empty blob',
  'sha512',
  'foreign layers',
  'tag parameter',
  'referrers',
  'pages of tags',
  'deletion of tags',
  'indexes stay whole',
  'codes',
]

console.warn('skipped: a storage in memory keeps no index whole')
if (hasDockerRegistry()) console.warn(`docker-registry is not asked about: ${lacksOfDocker.join(', ')}`)
else console.warn('docker-registry is not installed: its cases are skipped')

export const servedRegistries: readonly ServedKind[] = [
  { name: 'a storage in memory', start: startFaultyRegistry, lacks: ['indexes stay whole'] },
  { name: 'the store', start: startStoreRegistry, lacks: [] },
  ...(hasDockerRegistry() ? [{ name: 'docker-registry', start: () => startRegistry(), lacks: lacksOfDocker }] : []),
]

async function startStoreRegistry(): Promise<ServedRegistry> {
  await using stack = new AsyncDisposableStack()
  const images = stack.use(await openTestImages(stack.use(testClient())))
  const handler = stack.use(
    createRegistryHandler(createStoreRegistry(images, AbortSignal.timeout(150_000)), { readOnly: false }),
  )
  const server = stack.use(
    await listen((request, response) => void handler(request, response), { host: '127.0.0.1', port: 0 }),
  )
  const owned = stack.move()
  return { origin: server.origin, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}
