import { TsbuildError } from '../base/errors.ts'
import type { LocalImage } from '../image/image-service.ts'
import type { ContainerConfig, Healthcheck } from '../oci/types.ts'
import type { MountRequest } from '../volume/mount-request.ts'
import type { ContainerId } from './container-id.ts'
import { shortId } from './container-id.ts'
import type { ContainerNetwork, ContainerProcess, ContainerSpec } from './container-spec.ts'

/** What is asked for beyond the image's configuration. Absent members leave the image's value, or the default. */
export interface NewContainer extends Omit<
  ContainerSpec,
  'image' | 'process' | 'hostname' | 'exposed' | 'stopSignal' | 'healthcheck' | 'network' | 'mounts'
> {
  /** Absent: a random one. */
  readonly name?: string
  /** As the user wrote it. */
  readonly imageName: string
  /** Absent: the image's. Empty: none, whatever the image has. */
  readonly entrypoint?: readonly string[]
  /** Empty: the image's, unless an entrypoint is given. */
  readonly args: readonly string[]
  /** `NAME=value`; a NAME alone takes the variable away. */
  readonly env: readonly string[]
  readonly workdir?: string
  readonly user?: string
  readonly groups: readonly string[]
  readonly tty: boolean
  readonly stdin: ContainerProcess['stdin']
  readonly hostname?: string
  readonly exposed: readonly string[]
  readonly stopSignal?: string
  /** `none` switches the image's check off; members that are absent come from the image. */
  readonly healthcheck?: 'none' | Healthcheck
  readonly network: ContainerNetwork
  readonly mounts: readonly MountRequest[]
  /** `CONTAINER[:ro|:rw]`: what that container mounts is mounted here too. */
  readonly volumesFrom: readonly string[]
}

const defaultPath = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/**
 * Merges the image's configuration into the request, by docker's rules. `hostName` is what a container in the host's network is
 * called. USAGE when neither names a command.
 */
export function containerSpec(
  image: LocalImage,
  request: NewContainer,
  id: ContainerId,
  hostName: string,
): ContainerSpec {
  const config = image.config.config ?? {}
  const { name: _name, volumesFrom: _from, imageName, args, env, workdir, user, groups, tty, stdin, ...rest } = request
  const entrypoint = request.entrypoint ?? config.Entrypoint ?? []
  const cmd = args.length > 0 || request.entrypoint !== undefined ? args : (config.Cmd ?? [])
  if (entrypoint.length + cmd.length === 0) {
    throw new TsbuildError('USAGE', 'no command specified', {
      hint: `The image "${imageName}" has neither CMD nor ENTRYPOINT; name a command after it`,
    })
  }
  const { os, architecture, variant } = image.config
  const { entrypoint: _entrypoint, stopSignal, healthcheck, ...kept } = rest
  return {
    ...kept,
    image: {
      name: imageName,
      id: image.id,
      platform: { os, architecture, ...(variant === undefined ? {} : { variant }) },
    },
    process: {
      entrypoint,
      cmd,
      env: mergeEnv(config.Env ?? [], env),
      workdir: workdir ?? (config.WorkingDir || '/'),
      user: user ?? config.User ?? '',
      groups,
      tty,
      stdin,
    },
    hostname: request.hostname ?? (request.network.mode === 'host' ? hostName : shortId(id)),
    labels: { ...config.Labels, ...request.labels },
    exposed: unique([...Object.keys(config.ExposedPorts ?? {}), ...request.exposed]),
    stopSignal: stopSignal ?? config.StopSignal ?? null,
    healthcheck: mergeHealthcheck(config.Healthcheck, healthcheck),
    mounts: [...request.mounts, ...imageVolumes(config, request.mounts)],
  }
}

/** The variables of the request, then the image's that it does not name, as docker orders them; PATH is always there. */
function mergeEnv(image: readonly string[], request: readonly string[]): readonly string[] {
  const nameOf = (entry: string): string => entry.split('=', 1)[0] ?? ''
  const asked = new Map(request.map((entry) => [nameOf(entry), entry]))
  const inherited = image.filter((entry) => !asked.has(nameOf(entry))).map((entry) => [nameOf(entry), entry] as const)
  const merged = new Map([...[...asked].filter(([, entry]) => entry.includes('=')), ...inherited])
  return merged.has('PATH') ? [...merged.values()] : [defaultPath, ...merged.values()]
}

function mergeHealthcheck(
  image: Healthcheck | undefined,
  request: 'none' | Healthcheck | undefined,
): Healthcheck | null {
  if (request === 'none') return null
  const merged = { ...image, ...request }
  const test = merged.Test ?? []
  return test.length === 0 || test[0] === 'NONE' ? null : merged
}

/** VOLUME of the image makes an anonymous volume, unless something else is mounted there. */
function imageVolumes(config: ContainerConfig, asked: readonly MountRequest[]): readonly MountRequest[] {
  const taken = new Set(asked.map((mount) => mount.target))
  return Object.keys(config.Volumes ?? {})
    .map((target) => target.replace(/(.)\/+$/, '$1'))
    .filter((target) => target.startsWith('/') && !taken.has(target))
    .map((target) => ({ kind: 'volume', name: null, target, readonly: false, nocopy: false }))
}

function unique(words: readonly string[]): readonly string[] {
  return [...new Set(words)]
}
