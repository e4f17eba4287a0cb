import { join } from 'node:path'
import type { Container } from '../container-records.ts'
import { argsOf } from '../container-spec.ts'
import type { ContainerState } from '../container-state.ts'
import type { MountPoint } from '../mount-point.ts'
import { logFile } from '../monitor-plan.ts'
import { containerConfig } from './container-config.ts'
import { hostConfig } from './host-config.ts'
import { networkSettings } from './network-settings.ts'
import type { NetworkFacts } from './network-settings.ts'

/** What inspect shows beyond record and state. */
export interface InspectFacts extends NetworkFacts {
  readonly directory: string
  /** `/TARGET:/NAME/ALIAS` */
  readonly links: readonly string[]
  readonly sizes?: { readonly rw: number; readonly rootFs: number }
}

/** The Go zero time, which docker shows for what has not happened. */
const never = '0001-01-01T00:00:00Z'

/** A container in the shape of docker's `GET /containers/{id}/json`. */
export function containerJson(container: Container, state: ContainerState, facts: InspectFacts): object {
  const { id, name, spec } = container
  const [path = '', ...args] = argsOf(spec.process)
  return {
    Id: id,
    Created: new Date(container.createdAt).toISOString(),
    Path: path,
    Args: args,
    State: stateJson(state),
    Image: spec.image.id,
    ResolvConfPath: join(facts.directory, 'resolv.conf'),
    HostnamePath: join(facts.directory, 'hostname'),
    HostsPath: join(facts.directory, 'hosts'),
    LogPath: spec.log.driver === 'none' ? '' : join(facts.directory, logFile),
    Name: `/${name}`,
    RestartCount: state.restartCount,
    Driver: 'overlayfs',
    Platform: spec.image.platform.os,
    MountLabel: '',
    ProcessLabel: '',
    AppArmorProfile: spec.security.apparmor ?? '',
    ExecIDs: null,
    HostConfig: hostConfig(container, facts.links),
    GraphDriver: { Data: null, Name: 'overlayfs' },
    ...(facts.sizes === undefined ? {} : { SizeRw: facts.sizes.rw, SizeRootFs: facts.sizes.rootFs }),
    Mounts: container.mounts.filter((mount) => mount.kind !== 'tmpfs').map(mountJson),
    Config: containerConfig(container),
    NetworkSettings: networkSettings(container, facts),
  }
}

export function stateJson(state: ContainerState): object {
  const { status, health } = state
  return {
    Status: status,
    Running: status === 'running' || status === 'paused' || status === 'restarting',
    Paused: status === 'paused',
    Restarting: status === 'restarting',
    OOMKilled: state.oomKilled,
    Dead: false,
    Pid: state.pid,
    ExitCode: state.exitCode,
    Error: state.error,
    StartedAt: state.startedAt ?? never,
    FinishedAt: state.finishedAt ?? never,
    ...(health === null
      ? {}
      : {
          Health: {
            // As docker: nobody vouches for what does not run.
            Status: status === 'exited' ? 'unhealthy' : health.status,
            FailingStreak: health.failingStreak,
            Log: health.log.map((probe) => ({
              Start: probe.start,
              End: probe.end,
              ExitCode: probe.exitCode,
              Output: probe.output,
            })),
          },
        }),
  }
}

export function mountJson(mount: MountPoint): object {
  return {
    Type: mount.kind,
    ...(mount.name === '' ? {} : { Name: mount.name }),
    Source: mount.source,
    Destination: mount.target,
    ...(mount.kind === 'volume' ? { Driver: 'local' } : {}),
    Mode: mount.readonly ? 'ro' : '',
    RW: !mount.readonly,
    Propagation: mount.propagation,
  }
}
