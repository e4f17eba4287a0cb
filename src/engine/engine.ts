import { hostname } from 'node:os'
import { join } from 'node:path'
import type { Emit } from '../base/events.ts'
import { makePrivateDirectory } from '../base/private-directory.ts'
import { containerNetworks } from '../container/container-networks.ts'
import type { Containers } from '../container/containers.ts'
import { openContainers } from '../container/containers.ts'
import { createNativeCore } from '../host/native-client.ts'
import type { NativeCore } from '../host/native.ts'
import { imageRecords } from '../image/image-records.ts'
import type { ImageRecords } from '../image/image-records.ts'
import type { ImageService } from '../image/image-service.ts'
import { createImages } from '../image/images.ts'
import { bridgeName, sharedNetwork } from '../network/bridge-name.ts'
import { createNetworkService } from '../network/network-service.ts'
import type { NetworkService } from '../network/network-service.ts'
import type { RegistryClient } from '../registry/client.ts'
import { groupIds } from '../settings/idmap.ts'
import type { Settings } from '../settings/settings.ts'
import { defaultCgroupParent } from './cgroup-parent.ts'
import { chooseDriver } from '../snapshot/choose-driver.ts'
import { openSnapshotter } from '../snapshot/open-snapshotter.ts'
import type { Snapshotter } from '../snapshot/snapshotter.ts'
import { openStore } from '../store/store.ts'
import type { Store } from '../store/store.ts'
import { createVolumeService } from '../volume/volume-service.ts'
import type { VolumeService } from '../volume/volume-service.ts'

/**
 * The composition root: the only place where the services of ranks 2 to 7 are put together. Verbs take it as their first
 * argument. Services whose modules are heavy are made at their first use, so that a command loads only what it needs.
 */
export interface Engine extends AsyncDisposable {
  readonly settings: Settings
  readonly native: NativeCore
  readonly store: Store
  readonly snapshots: Snapshotter
  readonly images: ImageService
  readonly imageRecords: ImageRecords
  readonly volumes: VolumeService
  readonly networks: NetworkService
  readonly containers: Containers
  /** Connections are made when it is first asked for, and closed with the engine. */
  registry(): Promise<RegistryClient>
}

/** What every verb gets from its caller besides its request. */
export interface VerbContext {
  readonly emit: Emit
  readonly signal: AbortSignal
}

/** Opens the store and what stands on it. Errors: STORE_* codes, NATIVE_MISSING when a dead process left something to remove. */
export async function openEngine(settings: Settings): Promise<Engine> {
  await using stack = new AsyncDisposableStack()
  const native = stack.use(createNativeCore(settings.corePath, settings.idmap, settings.env('PATH')))
  if (settings.rootless) makePrivateDirectory(settings.runRoot)
  const store = stack.use(await openStore(settings.root))
  const memory = join(settings.runRoot, 'storage-driver')
  const driver = await chooseDriver(settings.storageDriver, { root: store.root, memory, native })
  const snapshots = stack.use(await openSnapshotter(store, native, driver))
  let client: Promise<RegistryClient> | undefined
  stack.defer(async () => {
    await (await client)?.[Symbol.asyncDispose]()
  })
  const registry = (): Promise<RegistryClient> => (client ??= openRegistry(settings, native))
  const shortNames = async (): Promise<Readonly<Record<string, string>>> => (await settings.registries()).shortNames
  const images = createImages({ store, snapshots, native, registry, shortNames })
  const volumes = createVolumeService(store, native)
  const shared = sharedNetwork(settings)
  const networks = createNetworkService(store, native, { bridge: bridgeName(settings), shared })
  if (store.dead.length > 0) {
    const { sweepBuilds } = await import('./sweep-builds.ts')
    await sweepBuilds({ settings, store, native })
  }
  const owned = stack.move()
  return {
    settings,
    native,
    store,
    snapshots,
    images,
    imageRecords: imageRecords(store.db),
    registry,
    volumes,
    networks,
    containers: openContainers({
      store,
      native,
      snapshots,
      images,
      volumes,
      networks: containerNetworks(networks, native, { runRoot: settings.runRoot, shared }),
      runRoot: settings.runRoot,
      platform: settings.platform,
      groupIds: groupIds(settings.idmap),
      hostName: hostname(),
      rootless: settings.rootless,
      cgroupParent: () => defaultCgroupParent(settings),
    }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

async function openRegistry(settings: Settings, native: NativeCore): Promise<RegistryClient> {
  const { openRegistryClient } = await import('./open-registry-client.ts')
  return openRegistryClient(settings, { native })
}
