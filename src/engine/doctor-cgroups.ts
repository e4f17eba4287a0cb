import { delegatedCgroup } from '../host/delegated-cgroup.ts'
import type { HostFacts } from '../host/probe.ts'
import type { Settings } from '../settings/settings.ts'
import type { Finding } from './doctor-finding.ts'

/** Which limits can be set; an unprivileged user has those of the cgroup that was delegated to it. */
export function cgroupFinding({ rootless }: Settings, { version, controllers }: HostFacts['cgroup']): Finding {
  const name = 'cgroups'
  const delegated = rootless ? delegatedCgroup() : undefined
  const usable = rootless ? (delegated?.controllers ?? []) : controllers
  const missing = ['cpu', 'memory', 'pids'].filter((controller) => !usable.includes(controller))
  const place = delegated === undefined ? '' : ` below ${delegated.path}`
  if (missing.length === 0) return { name, state: 'good', detail: `${version}${place}: ${usable.join(', ')}` }
  return {
    name,
    state: 'limited',
    detail: `${version}${place}; without ${missing.join(', ')} these limits cannot be set`,
    advice: !rootless ? privilegeAdvice : delegated?.crowded === true ? leafAdvice(delegated.path) : delegationAdvice,
  }
}

const privilegeAdvice =
  'In a container: docker run --privileged --cgroupns private, or -v /sys/fs/cgroup:/sys/fs/cgroup:rw'

const delegationAdvice =
  "As root: mkdir -p /etc/systemd/system/user@.service.d && printf '[Service]\\nDelegate=cpu cpuset io memory pids\\n' > /etc/systemd/system/user@.service.d/delegate.conf && systemctl daemon-reload; then, from a login that is no part of the user's manager: systemd-run --user --scope tsbuild …"

/** cgroups(7): controllers are handed down only by a cgroup without processes of its own. */
function leafAdvice(path: string): string {
  const at = `/sys/fs/cgroup${path === '/' ? '' : path}`
  return `The cgroup must hold no processes itself: mkdir ${at}/init && for p in $(cat ${at}/cgroup.procs); do echo $p > ${at}/init/cgroup.procs; done`
}
