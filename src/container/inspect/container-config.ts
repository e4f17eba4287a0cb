import type { Container } from '../container-records.ts'

/** The `Config` of docker's container inspect: the image's configuration as it was changed for this container. */
export function containerConfig({ spec }: Container): object {
  const { process, healthcheck } = spec
  const keyed = (words: readonly string[]): Readonly<Record<string, object>> =>
    Object.fromEntries(words.map((word) => [word, {}]))
  const volumes = spec.mounts.filter((mount) => mount.kind === 'volume' && mount.name === null)
  return {
    Hostname: spec.hostname,
    Domainname: spec.domainname,
    User: process.user,
    AttachStdin: process.stdin !== 'none',
    AttachStdout: true,
    AttachStderr: true,
    ...(spec.exposed.length === 0 ? {} : { ExposedPorts: keyed(spec.exposed) }),
    Tty: process.tty,
    OpenStdin: process.stdin !== 'none',
    StdinOnce: process.stdin === 'once',
    Env: process.env,
    Cmd: process.cmd.length === 0 ? null : process.cmd,
    ...(healthcheck === null ? {} : { Healthcheck: healthcheck }),
    Image: spec.image.name,
    Volumes: volumes.length === 0 ? null : keyed(volumes.map((mount) => mount.target)),
    WorkingDir: process.workdir === '/' ? '' : process.workdir,
    Entrypoint: process.entrypoint.length === 0 ? null : process.entrypoint,
    OnBuild: null,
    Labels: spec.labels,
    ...(spec.stopSignal === null ? {} : { StopSignal: spec.stopSignal }),
    ...(spec.stopTimeout === null ? {} : { StopTimeout: spec.stopTimeout }),
  }
}
