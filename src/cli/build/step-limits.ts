import { join } from 'node:path'
import { nearest } from '../../base/nearest.ts'
import { keyValues } from '../../build/options/key-values.ts'
import { invalidFlag } from '../../base/flag-error.ts'
import type { StepLimits } from '../../build/ops/step-limits.ts'
import { findRuntime } from '../../container/flags/runtime-flag.ts'
import { parseUlimit } from '../../container/flags/ulimit-flag.ts'
import type { Settings } from '../../settings/settings.ts'
import type { Flags, Input } from '../command.ts'
import { containerFlags } from '../container/container-flags.ts'
import { readUpdatableLimits } from '../container/limit-flags.ts'
import { parseFlagValue } from '../flag-value.ts'
import { readIsolation } from '../isolation.ts'

/** Limits that `--resource` knows, in the spelling of `run`. */
const resourceFlags = {
  memory: { ...containerFlags.memory, help: 'Memory of each RUN step' },
  'memory-swap': { ...containerFlags['memory-swap'], help: 'Memory and swap of each RUN step together' },
  cpus: { ...containerFlags.cpus, help: 'CPUs of each RUN step' },
  'cpu-shares': containerFlags['cpu-shares'],
  'cpu-period': containerFlags['cpu-period'],
  'cpu-quota': containerFlags['cpu-quota'],
  'cpuset-cpus': containerFlags['cpuset-cpus'],
  'cpuset-mems': containerFlags['cpuset-mems'],
} as const satisfies Flags

/** Flags that bound RUN steps; they change no result. */
export const stepLimitFlags = {
  ...resourceFlags,
  resource: {
    kind: 'string',
    repeat: true,
    value: 'KEY=VALUE,…',
    help: 'The same limits in one word: memory=1g,cpu-quota=50000',
  },
  'shm-size': { kind: 'bytes', help: 'Size of /dev/shm of RUN steps' },
  ulimit: { kind: 'string', repeat: true, value: 'NAME=SOFT[:HARD]', help: 'Limit of processes of RUN steps' },
  'cgroup-parent': { kind: 'string', value: 'CGROUP', help: 'Parent cgroup of RUN steps' },
  runtime: { kind: 'string', value: 'RUNTIME', help: 'OCI runtime for RUN steps: a name such as crun, or a path' },
  isolation: { kind: 'string', value: 'NAME', help: 'chroot: RUN steps without namespaces, where none can be made' },
  'step-timeout': { kind: 'duration', help: 'Time that a RUN step may take' },
} as const satisfies Flags

/** What they say. USAGE. */
export function readStepLimits(flags: Input<typeof stepLimitFlags>['flags'], settings: Settings): StepLimits {
  const isolation = readIsolation(flags.isolation, settings)
  const runtime = findRuntime(flags.runtime, settings.env('PATH'))
  const limits = readUpdatableLimits({
    'blkio-weight': undefined,
    'cpu-rt-period': undefined,
    'cpu-rt-runtime': undefined,
    'memory-reservation': undefined,
    'pids-limit': undefined,
    ...flags,
    ...resources(flags.resource),
  })
  return {
    ...(Object.keys(limits).length === 0 ? {} : { limits }),
    ...(flags.ulimit.length === 0 ? {} : { rlimits: flags.ulimit.map(parseUlimit) }),
    ...(flags['shm-size'] === undefined ? {} : { shmSize: flags['shm-size'] }),
    ...(flags['cgroup-parent'] === undefined ? {} : { cgroupParent: flags['cgroup-parent'] }),
    ...(flags['step-timeout'] === undefined ? {} : { timeoutMs: flags['step-timeout'] }),
    ...(isolation === undefined ? {} : { isolation }),
    ...(runtime === null ? {} : { runtime: { kind: 'path', path: runtime, root: join(settings.runRoot, 'runtime') } }),
  }
}

/** `--resource KEY=VALUE,…` as the flags of these names. */
function resources(texts: readonly string[]): Partial<Input<typeof resourceFlags>['flags']> {
  const entries = texts.flatMap((text) =>
    [...keyValues('--resource', text)].map(([key, value]) => {
      const flag = Object.entries(resourceFlags).find(([name]) => name === key)?.[1]
      if (flag !== undefined) return [key, parseFlagValue(`Key "${key}" of "--resource"`, flag, value)] as const
      const [near] = nearest(key, Object.keys(resourceFlags))
      const hint = near === undefined ? `Keys are ${Object.keys(resourceFlags).join(', ')}` : `Did you mean "${near}"?`
      throw invalidFlag('--resource', text, `unknown key "${key}"`, hint)
    }),
  )
  return Object.fromEntries(entries)
}
