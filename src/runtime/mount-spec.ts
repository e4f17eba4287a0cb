import type { OciMount } from './runtime-spec.ts'

export type Propagation = 'rprivate' | 'private' | 'rshared' | 'shared' | 'rslave' | 'slave'

/** A mount that somebody asked for, beyond the file systems that every container has. */
export type MountSpec = BindMount | TmpfsMount

export interface BindMount {
  readonly kind: 'bind'
  /** Absolute path on the host; it exists. */
  readonly source: string
  readonly target: string
  readonly readonly: boolean
  readonly propagation?: Propagation
  /**
   * What becomes of mounts below `source`: `enabled` takes them along, read-only too where the mount is; `disabled` leaves them
   * out; `writable` takes them along as they are; `readonly` insists on read-only all the way down. Default `enabled`.
   */
  readonly recursive?: 'enabled' | 'disabled' | 'writable' | 'readonly'
}

export interface TmpfsMount {
  readonly kind: 'tmpfs'
  readonly target: string
  /** Options of mount(8), such as `size=64m`, `mode=1777`, `exec`; they win over nosuid, nodev, noexec. */
  readonly options: readonly string[]
}

export function ociMount(mount: MountSpec): OciMount {
  const destination = mount.target
  if (mount.kind === 'bind') return { destination, type: 'bind', source: mount.source, options: bindOptions(mount) }
  return { destination, type: 'tmpfs', source: 'tmpfs', options: tmpfsOptions(mount.options) }
}

/** Outer mounts first: a mount on /a must not hide one on /a/b that the caller named before it. Otherwise the given order stays. */
export function sortByDepth<T extends { readonly target: string }>(mounts: readonly T[]): readonly T[] {
  return mounts.toSorted((a, b) => depth(a.target) - depth(b.target))
}

function depth(path: string): number {
  return path.split('/').filter((part) => part !== '').length
}

function bindOptions(mount: BindMount): readonly string[] {
  const recursive = mount.recursive ?? 'enabled'
  const options = [recursive === 'disabled' ? 'bind' : 'rbind', mount.propagation ?? 'rprivate']
  if (mount.readonly) options.push('ro')
  if (mount.readonly && (recursive === 'enabled' || recursive === 'readonly')) options.push('rro')
  return options
}

const opposites: Readonly<Record<string, string>> = { exec: 'noexec', suid: 'nosuid', dev: 'nodev' }

function tmpfsOptions(given: readonly string[]): readonly string[] {
  const revoked = new Set(given.map((option) => opposites[option]))
  const base = ['nosuid', 'nodev', 'noexec'].filter((option) => !revoked.has(option) && !given.includes(option))
  return [...base, ...given.filter((option) => option !== '')]
}
