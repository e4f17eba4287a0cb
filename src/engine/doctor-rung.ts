import { existsSync, readFileSync } from 'node:fs'
import { hasCode, messageOf } from '../base/errors.ts'
import type { HostFacts } from '../host/probe.ts'
import type { Settings } from '../settings/settings.ts'
import type { Finding } from './doctor-finding.ts'

/** What the rung of a place depends on; a test gives a directory of its own for `proc`. */
export interface Place {
  readonly settings: Settings
  /** Why no user namespace could be made for the user; undefined when one was, or none is needed. */
  readonly refused: unknown
  readonly facts: Pick<HostFacts, 'userNamespace' | 'features'>
  readonly proc?: string
}

/**
 * The rung of the ladder of privileges: root, root of a container that may all, root of a user namespace (a pod with `hostUsers: false`, a rootless container), an
 * unprivileged user that may make user namespaces. Below that root can build by chroot, and others nothing.
 */
export function rungFinding(place: Place): Finding {
  const { settings, refused, facts, proc = '/proc' } = place
  const name = 'privilege'
  if (refused !== undefined) {
    const broken = hasCode(refused, 'FEATURE_MISSING') && /newuidmap|newgidmap|subuid/.test(messageOf(refused))
    const detail = `${messageOf(refused)}: no layer can be unpacked and no step be run, not even with --isolation=chroot, which takes root`
    return { name, state: 'broken', detail, advice: broken ? idsAdvice : namespaceAdvice(proc) }
  }
  if (settings.rootless)
    return { name, state: 'good', detail: 'an unprivileged user, root of a user namespace of its own' }
  if (!mayAdminister(proc)) {
    const detail = `root without CAP_SYS_ADMIN, as in a container or pod without privileges: nothing can be mounted, so no containers, and RUN steps by chroot alone`
    return { name, state: 'limited', detail, advice: containerAdvice }
  }
  if (facts.userNamespace) {
    return {
      name,
      state: 'good',
      detail: 'root of a user namespace, as in a pod with hostUsers: false or a rootless container',
    }
  }
  return { name, state: 'good', detail: inContainer(proc) ? 'root of a privileged container' : 'root' }
}

const idsAdvice = 'Install the package uidmap: apt-get install uidmap (Fedora: dnf install shadow-utils)'
const containerAdvice =
  'tsbuild build --isolation=chroot, for Dockerfiles that you trust. With isolation: start the container with "docker run --privileged", the pod with "hostUsers: false" and "securityContext: {privileged: true}", or run tsbuild as a user other than root with --security-opt seccomp=unconfined'

/** The switch that forbids user namespaces, and how it is turned. */
function namespaceAdvice(proc: string): string {
  const value = (path: string): string | undefined => {
    const file = `${proc}/sys/${path}`
    return existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined
  }
  if (value('user/max_user_namespaces') === '0') return 'As root: sysctl -w user.max_user_namespaces=28633'
  if (value('kernel/unprivileged_userns_clone') === '0') return 'As root: sysctl -w kernel.unprivileged_userns_clone=1'
  if (value('kernel/apparmor_restrict_unprivileged_userns') === '1')
    return 'As root: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0'
  return 'A filter of system calls forbids it: start the container with --security-opt seccomp=unconfined, the pod with "hostUsers: false" or "seccompProfile: {type: Unconfined}"'
}

const sysAdmin = 21n

function mayAdminister(proc: string): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync(`${proc}/self/status`, 'utf8'))?.[1] ?? '0'
  return ((BigInt(`0x${effective}`) >> sysAdmin) & 1n) === 1n
}

/** docker, podman and Kubernetes leave a mark; others are not told apart from a machine. */
function inContainer(proc: string): boolean {
  return ['.dockerenv', 'run/.containerenv', 'var/run/secrets/kubernetes.io'].some((mark) =>
    existsSync(`${proc}/self/root/${mark}`),
  )
}
