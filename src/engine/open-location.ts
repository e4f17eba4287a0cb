import type { Writable } from 'node:stream'
import type { Emit } from '../base/events.ts'
import { archiveSink, archiveSource } from '../image/transfer/archive-endpoint.ts'
import type { ContentSink, ContentSource } from '../image/transfer/endpoint.ts'
import { layoutSink, layoutSource } from '../image/transfer/layout-endpoint.ts'
import { formatLocation } from '../image/transfer/location.ts'
import type { Location } from '../image/transfer/location.ts'
import { registrySink, registrySource } from '../image/transfer/registry-endpoint.ts'
import { storeSink, storeSource } from '../image/transfer/store-endpoint.ts'
import type { LayerCompression } from '../image/packed-layers.ts'
import { parseReference, withDefaultTag } from '../oci/reference.ts'
import type { RegistryClient } from '../registry/client.ts'
import type { Engine } from './engine.ts'
import { localImage } from './local-image.ts'

/** What locations are opened with. The engine is only opened for the store. */
export interface LocationTools {
  readonly client: RegistryClient
  readonly engine: () => Promise<Engine>
  /** Opens the file of an archive that is written; it gets its name when the stream has ended. */
  readonly openOutput: (path: string) => Promise<Writable>
  readonly emit: Emit
  readonly signal: AbortSignal
}

/** Default for layers of the store that have no blob yet. */
const gzip: LayerCompression = { kind: 'gzip' }

/** Opens a place to read from. Errors: FILE_UNREADABLE, ARCHIVE_INVALID, IMAGE_NOT_FOUND. */
export async function openSource(tools: LocationTools, location: Location, compression = gzip): Promise<ContentSource> {
  const { signal } = tools
  switch (location.kind) {
    case 'registry':
      return registrySource(tools.client, location.reference, { signal, notify: notifier(tools) })
    case 'layout':
      return layoutSource(location.path, location.tag)
    case 'archive':
      return archiveSource(location.path, location.tag)
    case 'store': {
      const engine = await tools.engine()
      const { store, snapshots, native, imageRecords: records } = engine
      const image = await localImage(engine, location.name)
      return storeSource({ store, snapshots, native, records }, image, location.name, compression, signal)
    }
  }
}

/** Opens a place to write to. */
export async function openSink(tools: LocationTools, location: Location): Promise<ContentSink> {
  const { signal } = tools
  switch (location.kind) {
    case 'registry':
      return registrySink(tools.client, location.reference, { signal, notify: notifier(tools) })
    case 'layout':
      return layoutSink(location.path, location.tag)
    case 'archive':
      return archiveSink(await tools.openOutput(location.path), formatLocation(location), location.tag, location.format)
    case 'store': {
      const { store, snapshots, native, imageRecords: records } = await tools.engine()
      return storeSink({ store, snapshots, native, records }, withDefaultTag(parseReference(location.name)), signal)
    }
  }
}

function notifier({ emit }: LocationTools): (note: string) => void {
  return (text) => emit({ kind: 'notice', level: 'warning', text })
}
