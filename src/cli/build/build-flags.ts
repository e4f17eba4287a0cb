import { progressModes } from '../../ui/progress/progress.ts'
import type { Flags } from '../command.ts'

/** The flags of `build`, in the spelling of docker build and buildx build. */
export const buildFlags = {
  tag: { kind: 'string', short: 't', repeat: true, value: 'NAME', help: 'Name of the image, with or without tag' },
  file: {
    kind: 'string',
    short: 'f',
    value: 'FILE',
    help: 'Dockerfile; "-" is stdin (default CONTEXT/Dockerfile)',
    complete: 'file',
  },
  'build-arg': {
    kind: 'string',
    repeat: true,
    value: 'NAME[=VALUE]',
    help: 'Build argument; without value from the environment',
  },
  'build-context': {
    kind: 'string',
    repeat: true,
    value: 'NAME=SOURCE',
    help: 'Further context: folder, URL, git, docker-image://',
  },
  target: { kind: 'string', value: 'STAGE', help: 'Stage to build (default the last)' },
  platform: { kind: 'string', repeat: true, value: 'OS/ARCH', help: 'Platforms to build for', complete: 'platform' },
  label: { kind: 'string', repeat: true, value: 'NAME=VALUE', help: 'Label of the image' },
  'no-cache': { kind: 'boolean', help: 'Run every step' },
  'no-cache-filter': { kind: 'string', repeat: true, value: 'STAGE', help: 'Run every step of these stages' },
  pull: { kind: 'boolean', help: 'Ask the registry for base images even when they are here' },
  secret: {
    kind: 'string',
    repeat: true,
    value: 'id=ID[,src=FILE|,env=NAME]',
    help: 'Secret for RUN --mount=type=secret',
  },
  'add-host': { kind: 'string', repeat: true, value: 'NAME:IP', help: 'Further line of /etc/hosts while steps run' },
  network: { kind: 'string', choices: ['default', 'none', 'host'], default: 'default', help: 'Network of RUN steps' },
  'shm-size': { kind: 'bytes', help: 'Size of /dev/shm of RUN steps' },
  ulimit: { kind: 'string', repeat: true, value: 'NAME=SOFT[:HARD]', help: 'Limit of processes of RUN steps' },
  'cgroup-parent': { kind: 'string', value: 'CGROUP', help: 'Parent cgroup of RUN steps' },
  memory: { kind: 'bytes', short: 'm', help: 'Memory of each RUN step' },
  cpus: { kind: 'number', help: 'CPUs of each RUN step' },
  'step-timeout': { kind: 'duration', help: 'Time that a RUN step may take' },
  allow: {
    kind: 'string',
    repeat: true,
    value: 'ENTITLEMENT',
    help: 'Allow network.host or security.insecure to steps that ask for it',
  },
  jobs: { kind: 'integer', short: 'j', help: 'Steps at once (default the number of cores)' },
  quiet: { kind: 'boolean', short: 'q', help: 'Print the image ID only' },
  progress: {
    kind: 'string',
    choices: progressModes,
    default: 'auto',
    help: 'How progress is shown',
    env: 'BUILDKIT_PROGRESS',
  },
  iidfile: { kind: 'string', value: 'FILE', help: 'Write the image ID to a file', complete: 'file' },
  load: {
    kind: 'boolean',
    help: 'Accepted: the image is in the store anyway',
    ignored: 'images are always in the store',
  },
} as const satisfies Flags
