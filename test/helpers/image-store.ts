import { createHash } from 'node:crypto'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Event } from '../../src/base/events.ts'
import { createNativeCore } from '../../src/host/native-client.ts'
import type { NativeCore } from '../../src/host/native.ts'
import { imageRecords } from '../../src/image/image-records.ts'
import type { ImageRecords } from '../../src/image/image-records.ts'
import type { ImageService, PullOptions } from '../../src/image/image-service.ts'
import { createImages } from '../../src/image/images.ts'
import type { RegistryClient } from '../../src/registry/client.ts'
import { findCore } from '../../src/settings/core-path.ts'
import { overlayDriver } from '../../src/snapshot/driver.ts'
import { openSnapshotter } from '../../src/snapshot/open-snapshotter.ts'
import type { Snapshotter } from '../../src/snapshot/snapshotter.ts'
import { openStore } from '../../src/store/store.ts'
import type { Store } from '../../src/store/store.ts'

/** The image service on a store of its own. */
export interface TestImages extends AsyncDisposable {
  readonly root: string
  readonly images: ImageService
  readonly records: ImageRecords
  readonly store: Store
  readonly snapshots: Snapshotter
  readonly native: NativeCore
  readonly events: Event[]
  readonly pullOptions: PullOptions
  /** What a user would see: names, images, layers. */
  visible(): { readonly refs: readonly string[]; readonly images: number; readonly snapshots: number }
  /** Blobs whose content is not what their name says; always empty in a sound store. */
  corruptBlobs(): readonly string[]
  /** Unfinished files that are no partial blobs kept for resuming. */
  leftovers(): readonly string[]
}

export async function openTestImages(client: RegistryClient, root?: string): Promise<TestImages> {
  await using stack = new AsyncDisposableStack()
  const folder = root ?? (await mkdtemp(join(tmpdir(), 'tsbuild-images-')))
  if (root === undefined) stack.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 20 }))
  const native = createNativeCore(findCore(process.env['TSBUILD_CORE'], []), undefined)
  const store = stack.use(await openStore(folder))
  const snapshots = stack.use(await openSnapshotter(store, native, overlayDriver))
  const events: Event[] = []
  const records = imageRecords(store.db)
  const owned = stack.move()
  return {
    root: folder,
    images: createImages({ store, snapshots, native, registry: async () => client, shortNames: async () => ({}) }),
    records,
    store,
    snapshots,
    native,
    events,
    pullOptions: {
      platform: { os: 'linux', architecture: 'amd64' },
      policy: 'always',
      emit: (event) => void events.push(event),
      signal: AbortSignal.timeout(150_000),
    },
    visible: () => ({
      refs: records.refs().map(({ name }) => name),
      images: records.images().length,
      snapshots: snapshots.list().length,
    }),
    corruptBlobs: () =>
      store.content.digests().filter((digest) => {
        const [algorithm = '', hex] = digest.split(':')
        return (
          createHash(algorithm)
            .update(readFileSync(store.content.path(digest)))
            .digest('hex') !== hex
        )
      }),
    leftovers: () => namesIn(store.paths.ingest).filter((name) => !/^sha(256|512)-[0-9a-f]+$/.test(name)),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

function namesIn(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder) : []
}
