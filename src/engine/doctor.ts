import { constants, existsSync } from 'node:fs'
import { access, readdir, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { hasCode, messageOf } from '../base/errors.ts'
import { createNativeCore } from '../host/native-client.ts'
import { probeHost } from '../host/probe.ts'
import type { FeatureState, HostFacts } from '../host/probe.ts'
import type { Settings } from '../settings/settings.ts'
import type { Finding } from './doctor-finding.ts'
import { cgroupFinding } from './doctor-cgroups.ts'
import { rungFinding } from './doctor-rung.ts'
import { findProgram, userFindings } from './doctor-user.ts'

/**
 * Looks at what this machine and user allow, without opening the store. Never throws for a missing thing: that is a finding.
 */
export async function doctor(settings: Settings, signal: AbortSignal): Promise<readonly Finding[]> {
  const place = await Promise.all([storeFinding(settings), gitFinding(settings)])
  try {
    const { facts, refused } = await look(settings, signal)
    return [
      { name: 'core', state: 'good', detail: settings.corePath },
      rungFinding({ settings, facts, refused }),
      ...hostFindings(settings, facts),
      ...(settings.rootless ? await userFindings(settings) : []),
      ...place,
      await foreignPlatforms(),
    ]
  } catch (error) {
    signal.throwIfAborted()
    const advice = 'Install the package @tsbuild/core-linux-* of the same version, or run "npm run build" in a clone'
    return [{ name: 'core', state: 'broken', detail: messageOf(error), advice }, ...place]
  }
}

/** What the machine allows from inside the user's namespace; where none can be made, from outside, with the reason. */
async function look(settings: Settings, signal: AbortSignal): Promise<{ facts: HostFacts; refused: unknown }> {
  const path = settings.env('PATH')
  try {
    return {
      facts: await probeHost(createNativeCore(settings.corePath, settings.idmap, path), signal),
      refused: undefined,
    }
  } catch (error) {
    if (settings.idmap === undefined || !hasCode(error, 'FEATURE_MISSING')) throw error
    return { facts: await probeHost(createNativeCore(settings.corePath), signal), refused: error }
  }
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
  const overlay = settings.rootless ? features.userxattr : features.overlay
  return [
    { name: 'kernel', state: 'good', detail: kernel },
    feature('overlay', overlay, 'layers are stacked by copying (copy driver)', 'limited', overlayAdvice(overlay)),
    feature(
      'procfs',
      features.procfs,
      'RUN steps and containers cannot have a /proc of their own',
      'broken',
      'In a container: docker run --security-opt systempaths=unconfined; in a pod: securityContext: {procMount: Unmasked}',
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
      'As root: modprobe nf_tables; in a container: --cap-add NET_ADMIN',
    ),
    feature(
      'bridge',
      features.bridge,
      'no networks of containers',
      'limited',
      'As root: modprobe bridge; in a container: --cap-add NET_ADMIN',
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
      'In a container: --cap-add SYS_RESOURCE',
    ),
    cgroupFinding(settings, cgroup),
  ]
}

/** The module is missing, or the place forbids to mount. */
function overlayAdvice({ errno }: FeatureState): string {
  if (errno === 'ENODEV') return 'As root: modprobe overlay'
  return 'In a container: docker run --privileged; in a pod: hostUsers: false and securityContext: {privileged: true}'
}

function reason({ errno }: FeatureState): string {
  return errno === undefined ? '' : ` (${errno})`
}

async function storeFinding({ root }: Settings): Promise<Finding> {
  try {
    const place = existing(root)
    await access(place, constants.W_OK)
    const { bavail, bsize, type } = await statfs(place)
    const free = bavail * bsize
    const detail = `${root}, ${(free / 1e9).toFixed(1)} GB free`
    const unfit = unfitFileSystems.get(type)
    if (unfit !== undefined) {
      const advice =
        'Put the store on a file system of the machine with --root or TSBUILD_ROOT: a volume (docker run -v), an emptyDir'
      const what = `${root} lies on ${unfit}, where overlay cannot write: layers are stacked by copying (copy driver)`
      return { name: 'store', state: 'limited', detail: what, advice }
    }
    if (free > 2e9) return { name: 'store', state: 'good', detail }
    return { name: 'store', state: 'limited', detail, advice: 'Free space, or choose another place with --root' }
  } catch (error) {
    const advice = 'Choose a place that you may write with --root or TSBUILD_ROOT'
    return { name: 'store', state: 'broken', detail: messageOf(error), advice }
  }
}

/** By the magic number of statfs(2): overlay refuses them as upper layer. */
const unfitFileSystems: ReadonlyMap<number, string> = new Map([
  [0x794c7630, 'overlayfs'],
  [0x6969, 'NFS'],
  [0xff534d42, 'CIFS'],
])

/** The directory itself, or the one in which it would be made. */
function existing(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : existing(dirname(path))
}

async function gitFinding({ env }: Settings): Promise<Finding> {
  const found = await findProgram(env('PATH') ?? '', ['git'])
  if (found !== undefined) return { name: 'git', state: 'good', detail: found }
  const advice = 'As root: apt-get install git'
  return { name: 'git', state: 'limited', detail: 'without it: no contexts and ADD from git repositories', advice }
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
    advice: 'As root: apt-get install qemu-user-static; or docker run --privileged tonistiigi/binfmt --install all',
  }
}
