import { join } from 'node:path'
import type { NativeCore } from '../host/native.ts'
import type { ImageService } from '../image/image-service.ts'
import type { Platform } from '../oci/types.ts'
import type { Snapshotter } from '../snapshot/snapshotter.ts'
import type { Store } from '../store/store.ts'
import type { VolumeService } from '../volume/volume-service.ts'
import type { ContainerNetworks } from './container-networks.ts'
import { containerRecords } from './container-records.ts'
import type { ContainerRecords } from './container-records.ts'

/** What the operations on containers need; made once by the engine. */
export interface Containers extends Omit<ContainerSources, 'runRoot'> {
  readonly records: ContainerRecords
  /** Log, state and files of a container: survives a reboot. */
  directory(id: string): string
  /** Lock and socket of its monitor: gone after a reboot. */
  runDirectory(id: string): string
}

export interface ContainerSources {
  readonly store: Store
  readonly native: NativeCore
  readonly snapshots: Snapshotter
  readonly images: ImageService
  readonly volumes: VolumeService
  readonly networks: ContainerNetworks
  readonly runRoot: string
  /** Of the machine. */
  readonly platform: Platform
  /** Of the user namespace (`groupIds` of the settings). */
  readonly groupIds: number
  /** Name of the host. */
  readonly hostName: string
  /** The user is not root: each container has a user namespace of its own. */
  readonly rootless: boolean
  /** Parent of the cgroups of containers that name none. Undefined: tsbuild's. */
  readonly cgroupParent: () => string | undefined
}

export function openContainers(sources: ContainerSources): Containers {
  const { runRoot, ...services } = sources
  return {
    ...services,
    records: containerRecords(services.store.db),
    directory: (id) => join(services.store.paths.containers, id),
    runDirectory: (id) => join(runRoot, 'containers', id),
  }
}
