import { familiarReference } from '../oci/reference.ts'
import { imageFacts } from '../image/image-facts.ts'
import { listedImage } from '../image/list-images.ts'
import type { ContainerConfig } from '../oci/types.ts'
import type { Engine, VerbContext } from './engine.ts'
import { localImage } from './local-image.ts'

export interface ImageInspectRequest {
  readonly name: string
  readonly platform?: string
}

/** docker's document of an image (Engine API `ImageInspect`), members in its order. Errors: IMAGE_NOT_FOUND, PLATFORM_NOT_FOUND. */
export async function imageInspect(
  engine: Engine,
  request: ImageInspectRequest,
  _context: VerbContext,
): Promise<Readonly<Record<string, unknown>>> {
  const image = await localImage(engine, request.name, request.platform)
  const facts = await imageFacts(engine.store)
  const listed = listedImage(engine.imageRecords, facts, image.id, engine.settings.platform)
  const { config } = image
  const newestRef = engine.imageRecords
    .refsTo(image.target.digest)
    .reduce((newest, ref) => Math.max(newest, ref.updatedAt), 0)
  return withUnset(
    {
      Id: image.id,
      RepoTags: (listed?.tags ?? []).map(familiarReference),
      RepoDigests: (listed?.digests ?? []).map(familiarReference),
      Parent: '',
      Comment: config.history?.at(-1)?.comment ?? '',
      Created: config.created ?? '',
      DockerVersion: '',
      Author: config.author ?? '',
      Architecture: config.architecture,
      ...(config.variant === undefined ? {} : { Variant: config.variant }),
      Os: config.os,
      ...(config['os.version'] === undefined ? {} : { OsVersion: config['os.version'] }),
      Size: listed?.size ?? 0,
      GraphDriver: { Data: null, Name: 'overlayfs' },
      RootFS: { Type: 'layers', Layers: config.rootfs.diff_ids },
      // Go's zero time stands for never.
      Metadata: { LastTagTime: newestRef === 0 ? '0001-01-01T00:00:00Z' : new Date(newestRef).toISOString() },
      Descriptor: image.target,
      Config: inspectedConfig(config.config ?? {}),
    },
    { Variant: '', OsVersion: '' },
  )
}

/** By the alphabet; members that docker always shows are there without a value, too. */
function inspectedConfig(config: ContainerConfig): Readonly<Record<string, unknown>> {
  const { Cmd = null, Entrypoint = null, Env = null, Labels = null, OnBuild = null } = config
  const { User = '', Volumes = null, WorkingDir = '' } = config
  const shown = { ...config, Cmd, Entrypoint, Env, Labels, OnBuild, User, Volumes, WorkingDir }
  return withUnset(Object.fromEntries(Object.entries(shown).sort(([a], [b]) => (a < b ? -1 : 1))), {
    ArgsEscaped: false,
    Domainname: '',
    ExposedPorts: {},
    Healthcheck: null,
    Hostname: '',
    Shell: [],
    StopSignal: '',
  })
}

/** Members that docker's JSON leaves out when they are empty and its templates know all the same: `{{.Config.StopSignal}}`. */
function withUnset(
  document: Readonly<Record<string, unknown>>,
  empty: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const absent = Object.entries(empty).filter(([name]) => !Object.hasOwn(document, name))
  // Not enumerable: neither JSON nor `{{.}}` shows them.
  return Object.defineProperties(
    { ...document },
    Object.fromEntries(absent.map(([name, value]) => [name, { value, enumerable: false }])),
  )
}
