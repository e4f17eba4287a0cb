import { constants, existsSync } from 'node:fs'
import { access, readdir, statfs } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import { messageOf } from '../base/errors.ts'
import { createNativeCore } from '../host/native-client.ts'
import { probeHost } from '../host/probe.ts'
import type { FeatureState, HostFacts } from '../host/probe.ts'
import type { Settings } from '../settings/settings.ts'

/** One thing that was looked at. `broken`: builds or containers do not work without it; `limited`: something does not. */
export interface Finding {
  readonly name: string
  readonly state: 'good' | 'limited' | 'broken'
  readonly detail: string
  /** What to do about it. */
  readonly advice?: string
}

/**
 * Looks at what this machine and user allow, without opening the store. Never throws for a missing thing: that is a finding.
 */
export async function doctor(settings: Settings, signal: AbortSignal): Promise<readonly Finding[]> {
  const native = createNativeCore(settings.corePath, settings.idmap, settings.env('PATH'))
  const place = await Promise.all([rootFinding(settings), programFinding(settings, 'git', gitUse)])
  try {
    const facts = await probeHost(native, signal)
    const foreign = await foreignPlatforms()
    const rootless = settings.rootless ? [idsFinding(settings), await programFinding(settings, 'pasta', pastaUse)] : []
    return [
      { name: 'core', state: 'good', detail: settings.corePath },
      ladder(settings, facts),
      ...hostFindings(settings, facts),
      ...rootless,
      ...place,
      foreign,
    ]
  } catch (error) {
    signal.throwIfAborted()
    const advice = 'Install the package @tsbuild/core-linux-* of the same version, or run "npm run build" in a clone'
    return [{ name: 'core', state: 'broken', detail: messageOf(error), advice }, ...place]
  }
}

const gitUse = { state: 'limited', lost: 'contexts and ADD from git repositories', advice: 'Install git' } as const
const pastaUse = {
  state: 'limited',
  lost: 'networks of an unprivileged user',
  advice: 'Install the package passt',
} as const

/** The rung of the privilege ladder that builds and containers stand on. */
function ladder(settings: Settings, facts: HostFacts): Finding {
  if (!settings.rootless)
    return { name: 'privilege', state: 'good', detail: facts.userNamespace ? 'root of a user namespace' : 'root' }
  if (!facts.features.userNamespaces.available) {
    const advice =
      'Run as root, or allow user namespaces (sysctl user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns)'
    return {
      name: 'privilege',
      state: 'broken',
      detail: `no user namespaces${reason(facts.features.userNamespaces)}`,
      advice,
    }
  }
  return { name: 'privilege', state: 'good', detail: 'an unprivileged user, in a user namespace' }
}

function hostFindings(settings: Settings, { features, cgroup, kernel }: HostFacts): readonly Finding[] {
  const feature = (
    name: string,
    state: FeatureState,
    lost: string,
    worst: 'limited' | 'broken',
    advice: string,
  ): Finding =>
    state.available
      ? { name, state: 'good', detail: 'available' }
      : { name, state: worst, detail: `without it: ${lost}${reason(state)}`, advice }
  const wanted = ['cpu', 'memory', 'pids'].filter((name) => !cgroup.controllers.includes(name))
  const overlay = settings.rootless ? features.userxattr : features.overlay
  return [
    { name: 'kernel', state: 'good', detail: kernel },
    feature(
      'overlay',
      overlay,
      'no layers can be stacked',
      'broken',
      'Put the store on a file system that overlay takes (ext4, xfs, btrfs), or load the module "overlay"',
    ),
    feature(
      'network namespaces',
      features.networkNamespaces,
      'RUN steps and containers only with --network host',
      'limited',
      'Run with CAP_SYS_ADMIN and CAP_NET_ADMIN',
    ),
    feature(
      'nftables',
      features.nftables,
      'no published ports and no bridge',
      'limited',
      'Load the module nf_tables, run with CAP_NET_ADMIN',
    ),
    feature(
      'bridge',
      features.bridge,
      'no networks of containers',
      'limited',
      'Load the module "bridge", run with CAP_NET_ADMIN',
    ),
    feature(
      'seccomp',
      features.seccomp,
      'containers only with --security-opt seccomp=unconfined',
      'limited',
      'Use a kernel with CONFIG_SECCOMP_FILTER',
    ),
    feature(
      'resource limits of processes',
      features.sysResource,
      'no --ulimit above the hard limits of this shell',
      'limited',
      'Run with CAP_SYS_RESOURCE',
    ),
    wanted.length === 0
      ? { name: 'cgroups', state: 'good', detail: `${cgroup.version}: ${cgroup.controllers.join(', ')}` }
      : {
          name: 'cgroups',
          state: 'limited',
          detail: `${cgroup.version}; without ${wanted.join(', ')} these limits cannot be set`,
          advice: settings.rootless
            ? 'Ask for delegation: systemctl edit user@.service, Delegate=cpu memory pids'
            : 'Mount the cgroup hierarchy writable',
        },
  ]
}

function reason({ errno }: FeatureState): string {
  return errno === undefined ? '' : ` (${errno})`
}

function idsFinding({ idmap }: Settings): Finding {
  const name = 'subordinate ids'
  const count = (idmap?.uid ?? []).slice(1).reduce((sum, [, , size]) => sum + size, 0)
  if (count >= 65_536) return { name, state: 'good', detail: `${count}` }
  const advice = 'Give the user a range: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER'
  return { name, state: 'limited', detail: `${count}: files of other owners cannot be made`, advice }
}

async function rootFinding({ root }: Settings): Promise<Finding> {
  try {
    const place = existing(root)
    await access(place, constants.W_OK)
    const { bavail, bsize } = await statfs(place)
    const free = bavail * bsize
    const detail = `${root}, ${(free / 1e9).toFixed(1)} GB free`
    if (free > 2e9) return { name: 'store', state: 'good', detail }
    return { name: 'store', state: 'limited', detail, advice: 'Free space, or choose another place with --root' }
  } catch (error) {
    const advice = 'Choose a place that you may write with --root or TSBUILD_ROOT'
    return { name: 'store', state: 'broken', detail: messageOf(error), advice }
  }
}

/** The directory itself, or the one in which it would be made. */
function existing(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : existing(dirname(path))
}

interface ProgramUse {
  readonly state: 'limited'
  readonly lost: string
  readonly advice: string
}

async function programFinding({ env }: Settings, name: string, { state, lost, advice }: ProgramUse): Promise<Finding> {
  const folders = (env('PATH') ?? '').split(delimiter).filter((folder) => folder !== '')
  const found = await Promise.all(
    folders.map((folder) =>
      access(join(folder, name), constants.X_OK).then(
        () => true,
        () => false,
      ),
    ),
  )
  const at = found.indexOf(true)
  return at === -1
    ? { name, state, detail: `without it: no ${lost}`, advice }
    : { name, state: 'good', detail: join(folders[at]!, name) }
}

/** Emulators that the kernel starts for programs of other machines (binfmt_misc). */
async function foreignPlatforms(): Promise<Finding> {
  const name = 'other platforms'
  const entries = await readdir('/proc/sys/fs/binfmt_misc').catch(() => [])
  const emulated = entries.filter((entry) => entry.startsWith('qemu-')).map((entry) => entry.slice('qemu-'.length))
  if (emulated.length > 0) return { name, state: 'good', detail: `RUN works for ${emulated.join(', ')}` }
  return {
    name,
    state: 'limited',
    detail: 'RUN steps work for this machine only',
    advice: 'Install the package qemu-user-static',
  }
}
