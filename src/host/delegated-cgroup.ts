import { accessSync, constants, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The part of the version 2 hierarchy that was given to us: below it we may make cgroups of our own. */
export interface DelegatedCgroup {
  /** Below the mount point, with a leading slash. */
  readonly path: string
  /** Controllers whose limits can be set below it. */
  readonly controllers: readonly string[]
  /** Processes live in it directly: the kernel then hands no controller down ("no internal processes", cgroups(7)). */
  readonly crowded: boolean
}

/**
 * The top-most cgroup that holds this process and may be written to, such as `user@1000.service` with Delegate=yes. A process may be moved only below what it is
 * already in: elsewhere nothing is ours. `proc` is for tests.
 */
export function delegatedCgroup(proc = '/proc'): DelegatedCgroup | undefined {
  const mount = unifiedMount(readFileSync(join(proc, 'self/mountinfo'), 'utf8'))
  const own = /^0::(.*)$/m.exec(readFileSync(join(proc, 'self/cgroup'), 'utf8'))?.[1]
  if (mount === undefined || own === undefined || own.startsWith('/..')) return undefined
  const below = own === mount.root || own.startsWith(`${mount.root === '/' ? '' : mount.root}/`)
  if (!below) return undefined
  const names = own
    .slice(mount.root === '/' ? 0 : mount.root.length)
    .split('/')
    .filter((name) => name !== '')
  const places = names.map((_, count) => join(mount.point, ...names.slice(0, count + 1)))
  const top = [mount.point, ...places].find(isOurs)
  if (top === undefined) return undefined
  const crowded = words(join(top, 'cgroup.procs')).length > 0
  const controllers = words(join(top, crowded ? 'cgroup.subtree_control' : 'cgroup.controllers'))
  return { path: `/${top.slice(mount.point.length).replace(/^\/+/, '')}`, controllers, crowded }
}

/** mountinfo(5): root in the file system, mount point, type behind the dash. */
function unifiedMount(text: string): { readonly root: string; readonly point: string } | undefined {
  for (const line of text.split('\n')) {
    const [, , , root, point] = line.split(' ')
    if (root !== undefined && point !== undefined && / - cgroup2 /.test(line)) return { root, point }
  }
  return undefined
}

function isOurs(place: string): boolean {
  try {
    for (const file of ['.', 'cgroup.procs', 'cgroup.subtree_control']) accessSync(join(place, file), constants.W_OK)
    return true
  } catch {
    return false
  }
}

function words(path: string): readonly string[] {
  return readFileSync(path, 'utf8')
    .split(/\s+/)
    .filter((word) => word !== '')
}
