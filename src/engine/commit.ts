import { commitLayer } from '../container/commit.ts'
import { recordEvent } from '../container/container-events.ts'
import type { Container } from '../container/container-records.ts'
import { argsOf } from '../container/container-spec.ts'
import type { LocalImage } from '../image/image-service.ts'
import { familiarReference, parseReference, withDefaultTag } from '../oci/reference.ts'
import { recordImageEvent } from './image-events.ts'
import type { ContainerConfig, HistoryEntry, ImageConfig } from '../oci/types.ts'
import { changeConfig } from './commit-changes.ts'
import type { Engine, VerbContext } from './engine.ts'

export interface CommitRequest {
  readonly container: string
  /** Absent: the image has no name. */
  readonly name?: string
  readonly author?: string
  readonly message?: string
  /** Dockerfile instructions that change its configuration. */
  readonly changes: readonly string[]
  readonly pause: boolean
}

/** Makes an image of a container: its files as a layer on the image's own, its configuration. CONTAINER_NOT_FOUND, REFERENCE_INVALID, USAGE. */
export async function commit(engine: Engine, request: CommitRequest, context: VerbContext): Promise<LocalImage> {
  const container = engine.containers.records.resolve(request.container)
  const names = request.name === undefined ? [] : [withDefaultTag(parseReference(request.name))]
  const config = changeConfig(configOf(container), request.changes)
  const top = await commitLayer(engine.containers, container, { pause: request.pause, signal: context.signal })
  const base = await engine.images.find(container.spec.image.id, container.spec.image.platform)
  const diffIds = top === null ? [] : engine.snapshots.diffIds(top.id)
  const grown = diffIds.length > (base?.config.rootfs.diff_ids.length ?? 0)
  const created = new Date().toISOString()
  const entry: HistoryEntry = {
    created,
    created_by: argsOf(container.spec.process).join(' '),
    ...(request.author === undefined ? {} : { author: request.author }),
    ...(request.message === undefined ? {} : { comment: request.message }),
    ...(grown ? {} : { empty_layer: true }),
  }
  const image: ImageConfig = {
    ...container.spec.image.platform,
    created,
    ...(request.author === undefined ? {} : { author: request.author }),
    config,
    rootfs: { type: 'layers', diff_ids: diffIds },
    history: [...(base?.config.history ?? []), entry],
  }
  const made = await engine.images.create({ config: image, top, names, format: familyOf(base) })
  for (const name of names) recordImageEvent(engine, 'tag', made.id, familiarReference(name))
  const imageRef = names.map(familiarReference).join()
  recordEvent(engine.containers, container, 'commit', {
    comment: request.message ?? '',
    imageID: made.id,
    ...(imageRef === '' ? {} : { imageRef }),
  })
  return made
}

function familyOf(base: LocalImage | undefined): 'oci' | 'docker' {
  return base?.manifest.mediaType.includes('docker') === true ? 'docker' : 'oci'
}

/** What of a container's specification belongs to an image. */
function configOf({ spec }: Container): ContainerConfig {
  const { process: program, healthcheck, labels, mounts, exposed, stopSignal } = spec
  const anonymous = mounts.filter((mount) => mount.kind === 'volume' && mount.name === null)
  const keyed = (words: readonly string[]): Readonly<Record<string, object>> =>
    Object.fromEntries(words.map((word) => [word, {}]))
  return {
    ...(program.user === '' ? {} : { User: program.user }),
    ...(exposed.length === 0 ? {} : { ExposedPorts: keyed(exposed) }),
    Env: program.env,
    ...(program.entrypoint.length === 0 ? {} : { Entrypoint: program.entrypoint }),
    ...(program.cmd.length === 0 ? {} : { Cmd: program.cmd }),
    ...(anonymous.length === 0 ? {} : { Volumes: keyed(anonymous.map(({ target }) => target)) }),
    ...(program.workdir === '/' ? {} : { WorkingDir: program.workdir }),
    ...(Object.keys(labels).length === 0 ? {} : { Labels: labels }),
    ...(stopSignal === null ? {} : { StopSignal: stopSignal }),
    ...(healthcheck === null ? {} : { Healthcheck: healthcheck }),
  }
}
