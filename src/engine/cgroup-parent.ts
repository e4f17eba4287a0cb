import { posix } from 'node:path'
import { delegatedCgroup } from '../host/delegated-cgroup.ts'
import type { Settings } from '../settings/settings.ts'

/** Parent of the cgroups of an unprivileged user, below what was delegated to it. Undefined: the usual one, or none can be made. */
export function defaultCgroupParent({ rootless }: Settings): string | undefined {
  const delegated = rootless ? delegatedCgroup() : undefined
  return delegated === undefined ? undefined : posix.join(delegated.path, 'tsbuild')
}
