import { mkdirSync } from 'node:fs'
import type { Emit } from '../base/events.ts'
import { TsbuildError } from '../base/errors.ts'
import type { LocalImage } from '../image/image-service.ts'
import type { SnapshotId } from '../snapshot/snapshotter.ts'
import { recordEvent } from './container-events.ts'
import { newContainerId, shortId } from './container-id.ts'
import { checkName, randomName } from './container-name.ts'
import type { Container } from './container-records.ts'
import type { Containers } from './containers.ts'
import { linkById } from './links.ts'
import { destroyContainer } from './destroy.ts'
import { checkTargets, resolveMounts } from './mount-points.ts'
import { containerSpec } from './new-container.ts'
import type { NewContainer } from './new-container.ts'
import { settle } from './settle.ts'
import { mountsFrom, withMounts } from './volumes-from.ts'
import { fillVolumes } from './volume-content.ts'

/** Names to try before giving up; the later ones carry digits. */
const nameAttempts = 12

/**
 * Makes a container from an image of the store: record, writable layer, volumes. Nothing of it runs yet. When it fails, nothing is
 * left. CONTAINER_EXISTS when the name is taken; USAGE, VOLUME_*, MOUNT_SOURCE_MISSING, NETWORK_NOT_FOUND for what the request names.
 */
export async function createContainer(
  containers: Containers,
  image: LocalImage,
  request: NewContainer,
  context: { readonly emit: Emit; readonly signal: AbortSignal },
): Promise<Container> {
  const { records, snapshots, store } = containers
  const id = newContainerId()
  const inherited = request.volumesFrom.flatMap((text) => mountsFrom(records, text))
  const joining = joinedById(records, withMounts(request, inherited))
  const spec = containerSpec(image, joining, id, containers.hostName)
  checkTargets(spec.mounts)
  containers.networks.check({ spec })
  const top = await containers.images.unpack(image, context)
  const draft: Omit<Container, 'name'> = {
    id,
    createdAt: Date.now(),
    stage: 'creating',
    lease: store.lease.id,
    snapshot: null,
    spec,
    mounts: [],
  }
  const imageTop = async (name: string): Promise<SnapshotId | null> => {
    const mounted = await containers.images.find(name, spec.image.platform)
    if (mounted === undefined) {
      throw new TsbuildError('IMAGE_NOT_FOUND', `No such image: ${name}`, {
        hint: `Fetch it with "tsbuild pull ${name}"`,
      })
    }
    return (await containers.images.unpack(mounted, context))?.id ?? null
  }
  const container = await insertNamed(containers, draft, request.name)
  try {
    await using active = await snapshots.prepare(top?.id ?? null)
    if (spec.rootSize !== undefined) await active.bound(spec.rootSize)
    store.db.transaction(() => {
      active.keep(id)
      records.setSnapshot(id, active.id)
    })
    mkdirSync(containers.directory(id), { recursive: true, mode: 0o700 })
    const mounts = await resolveMounts(spec.mounts, containers.volumes, id, imageTop)
    await fillVolumes(containers, snapshots.view(top?.id ?? null), mounts)
    store.db.transaction(() => {
      records.save(id, { spec, mounts })
      records.setStage(id, 'ready', null)
    })
    const made: Container = { ...container, stage: 'ready', lease: null, snapshot: active.id, mounts }
    recordEvent(containers, made, 'create')
    return made
  } catch (error) {
    await destroyContainer(containers, container)
    throw error
  }
}

/** Containers whose namespaces are shared are kept by id, so that a rename changes nothing; the host name goes with the network. CONTAINER_NOT_FOUND. */
function joinedById(records: Containers['records'], request: NewContainer): NewContainer {
  const byId = <T extends string>(mode: T | { readonly container: string }): T | { readonly container: string } =>
    typeof mode === 'object' ? { container: records.resolve(mode.container).id } : mode
  const { namespaces, network } = request
  const mode = byId(network.mode)
  const hostname = typeof mode === 'object' ? records.resolve(mode.container).spec.hostname : undefined
  return {
    ...request,
    ...(request.hostname === undefined && hostname !== undefined ? { hostname } : {}),
    namespaces: { ...namespaces, pid: byId(namespaces.pid), ipc: byId(namespaces.ipc) },
    network: { ...network, mode, links: (network.links ?? []).map((link) => linkById(records, link)) },
  }
}

async function insertNamed(
  containers: Containers,
  draft: Omit<Container, 'name'>,
  wanted: string | undefined,
): Promise<Container> {
  if (wanted === undefined) return insertRandom(containers, draft)
  const container = { ...draft, name: checkName(wanted) }
  if (containers.records.insert(container)) return container
  // The holder may be one that was to vanish at its end: then the name is free after all.
  const holder = containers.records.byName(container.name)
  if (holder === undefined || (await settle(containers, holder)) === undefined) {
    if (containers.records.insert(container)) return container
  }
  throw nameTaken(container.name, containers.records.byName(container.name)?.id)
}

function insertRandom(containers: Containers, draft: Omit<Container, 'name'>): Container {
  for (let attempt = 0; attempt < nameAttempts; attempt += 1) {
    const container = { ...draft, name: randomName(attempt) }
    if (containers.records.insert(container)) return container
  }
  throw new Error(`No free container name in ${nameAttempts} attempts`)
}

function nameTaken(name: string, holder: string | undefined): TsbuildError {
  const by = holder === undefined ? 'another container' : `container "${shortId(holder)}"`
  return new TsbuildError('CONTAINER_EXISTS', `Conflict. The container name "/${name}" is already in use by ${by}`, {
    hint: `Remove it with "tsbuild rm ${name}", rename it with "tsbuild rename ${name} NEW_NAME", or choose another name`,
    details: { name, container: holder },
  })
}
