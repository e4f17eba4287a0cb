import { chainId } from '../oci/digest.ts'
import { familiarReference } from '../oci/reference.ts'
import { listImages } from '../image/list-images.ts'
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
  const listed = (
    await listImages(engine.imageRecords, engine.store.content, engine.snapshots, engine.settings.platform)
  ).find((one) => one.image.id === image.id)
  const { config } = image
  const newestRef = engine.imageRecords
    .refsTo(image.target.digest)
    .reduce((newest, ref) => Math.max(newest, ref.updatedAt), 0)
  return {
    Id: image.id,
    RepoTags: (listed?.tags ?? []).map(familiarReference),
    RepoDigests: (listed?.digests ?? []).map(familiarReference),
    Comment: config.history?.at(-1)?.comment ?? '',
    Created: config.created ?? '',
    Author: config.author ?? '',
    Config: inspectedConfig(config.config ?? {}),
    Architecture: config.architecture,
    ...(config.variant === undefined ? {} : { Variant: config.variant }),
    Os: config.os,
    ...(config['os.version'] === undefined ? {} : { OsVersion: config['os.version'] }),
    Size: listed?.size ?? 0,
    RootFS: { Type: 'layers', Layers: config.rootfs.diff_ids },
    Metadata: { LastTagTime: newestRef === 0 ? null : new Date(newestRef).toISOString() },
    Descriptor: image.target,
    ChainID:
      config.rootfs.diff_ids.reduce<Parameters<typeof chainId>[0]>((chain, diffId) => chainId(chain, diffId), null) ??
      '',
  }
}

/** Members that docker always shows stand first, those that are set follow. */
function inspectedConfig(config: ContainerConfig): Readonly<Record<string, unknown>> {
  return {
    ...(config.Hostname === undefined ? {} : { Hostname: config.Hostname }),
    ...(config.User === undefined || config.User === '' ? {} : { User: config.User }),
    ...(config.ExposedPorts === undefined ? {} : { ExposedPorts: config.ExposedPorts }),
    Env: config.Env ?? null,
    Cmd: config.Cmd ?? null,
    ...(config.Healthcheck === undefined ? {} : { Healthcheck: config.Healthcheck }),
    ...(config.ArgsEscaped === undefined ? {} : { ArgsEscaped: config.ArgsEscaped }),
    ...(config.Volumes === undefined ? {} : { Volumes: config.Volumes }),
    WorkingDir: config.WorkingDir ?? '',
    Entrypoint: config.Entrypoint ?? null,
    ...(config.OnBuild === undefined ? {} : { OnBuild: config.OnBuild }),
    Labels: config.Labels ?? null,
    ...(config.StopSignal === undefined ? {} : { StopSignal: config.StopSignal }),
    ...(config.Shell === undefined ? {} : { Shell: config.Shell }),
  }
}
