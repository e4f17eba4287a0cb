import type { Container } from '../container-records.ts'

/** The `Config` of docker's container inspect: the image's configuration as it was changed for this container. */
export function containerConfig({ spec }: Container): object {
  const { healthcheck, process: program } = spec
  const keyed = (words: readonly string[]): Readonly<Record<string, object>> =>
    Object.fromEntries(words.map((word) => [word, {}]))
  const volumes = spec.mounts.filter((mount) => mount.kind === 'volume' && mount.name === null)
  return {
    Hostname: spec.hostname,
    Domainname: spec.domainname,
    User: program.user,
    AttachStdin: program.stdin !== 'none',
    AttachStdout: true,
    AttachStderr: true,
    ...(spec.exposed.length === 0 ? {} : { ExposedPorts: keyed(spec.exposed) }),
    Tty: program.tty,
    OpenStdin: program.stdin !== 'none',
    StdinOnce: program.stdin === 'once',
    Env: program.env,
    Cmd: program.cmd.length === 0 ? null : program.cmd,
    ...(healthcheck === null ? {} : { Healthcheck: healthcheck }),
    Image: spec.image.name,
    Volumes: volumes.length === 0 ? null : keyed(volumes.map((mount) => mount.target)),
    WorkingDir: program.workdir === '/' ? '' : program.workdir,
    Entrypoint: program.entrypoint.length === 0 ? null : program.entrypoint,
    OnBuild: null,
    Labels: spec.labels,
    ...(spec.stopSignal === null ? {} : { StopSignal: spec.stopSignal }),
    ...(spec.stopTimeout === null ? {} : { StopTimeout: spec.stopTimeout }),
  }
}
