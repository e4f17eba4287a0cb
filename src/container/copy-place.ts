import { posix } from 'node:path'
import { TsbuildError, hasCode } from '../base/errors.ts'
import type { Answer, NativeCore, Tree } from '../host/native.ts'
import { rootTree } from './container-changes.ts'
import type { Containers } from './containers.ts'
import type { Container } from './container-records.ts'
import { isLive, readState } from './container-state.ts'

/** A path in a tree that the core can open, with what people call it. */
export interface CopyPlace {
  readonly tree: Tree
  /** Absolute; as written at its end (`/`, `/.`). */
  readonly path: string
  /** `web:/etc/hosts`, or a path of the host. */
  readonly name: string
}

/** What is at a place. */
export interface Found {
  readonly isDirectory: boolean
  /** A link was followed to where nothing is. */
  readonly isMissing: boolean
  /** Where it really is, when links were followed. */
  readonly path: string
}

/** A path of the host; `/proc/self` and the like lead nowhere here. */
export function hostPlace(path: string): CopyPlace {
  return { tree: { kind: 'dir', path: '/' }, path, name: path }
}

/**
 * A path of a container. A running one is seen as its processes see it, mounts included; of one that does not run the layers, and
 * the volume or directory that would be mounted at the path.
 */
export async function containerPlace(containers: Containers, container: Container, path: string): Promise<CopyPlace> {
  const absolute = path.startsWith('/') ? path : `/${path}`
  const name = `${container.name}:${path}`
  const state = readState(containers.directory(container.id))
  if (isLive(state) && state.pid > 0) return { tree: { kind: 'process', pid: state.pid }, path: absolute, name }
  const clean = posix.normalize(absolute)
  const mount = container.mounts
    .filter(({ source, subpath, target }) => source !== '' && subpath === '' && isBelow(clean, target))
    .toSorted((a, b) => b.target.length - a.target.length)[0]
  if (mount === undefined) return { tree: rootTree(containers, container), path: absolute, name }
  const below = clean.slice(mount.target.length).replace(/^\/+|\/+$/g, '')
  const ending = /\/\.?$/.exec(absolute)?.[0] ?? ''
  return {
    tree: { kind: 'dir', path: mount.source },
    path: `/${below}${below === '' ? ending.slice(1) : ending}`,
    name,
  }
}

function isBelow(path: string, directory: string): boolean {
  return path === directory || path.startsWith(`${directory}/`)
}

/** As many links in a row as the kernel follows. */
const maxLinks = 40

/**
 * What is there; a link is followed when asked for, or when the path ends like a directory's. Undefined when nothing is there. NOT_A_DIRECTORY for
 * a path that ends like a directory's and leads to something else.
 */
export async function look(native: NativeCore, place: CopyPlace, follow: boolean): Promise<Found | undefined> {
  const found = await lookTo(native, place, follow)
  return found?.isMissing === true ? undefined : found
}

/** As `look`; a link to where nothing is gives that place. */
export async function lookTo(native: NativeCore, place: CopyPlace, follow: boolean): Promise<Found | undefined> {
  let path = posix.normalize(place.path).replace(/(.)\/+$/, '$1')
  const follows = follow || endsLikeDirectory(place.path)
  for (let links = 0; links < maxLinks; links += 1) {
    const found = await statAt(native, place, path)
    if (found === undefined) return links === 0 ? undefined : { isDirectory: false, isMissing: true, path }
    const type = Number(found['mode']) & 0o170000
    const isDirectory = type === 0o040000
    if (type === 0o120000 && follows) {
      path = posix.resolve(posix.dirname(path), textOf(found['linkTarget'], place))
      continue
    }
    if (!isDirectory && endsLikeDirectory(place.path))
      throw new TsbuildError('NOT_A_DIRECTORY', `"${place.name}" is not a directory`)
    return { isDirectory, isMissing: false, path }
  }
  throw new TsbuildError('PATH_ESCAPES', `Cannot follow "${place.name}": too many symbolic links`)
}

function endsLikeDirectory(path: string): boolean {
  return /\/\.?$/.test(path)
}

async function statAt(native: NativeCore, place: CopyPlace, path: string): Promise<Answer | undefined> {
  try {
    return await native.call('stat', { tree: place.tree, path, follow: false })
  } catch (error) {
    if (hasCode(error, 'PATH_MISSING', 'NOT_A_DIRECTORY')) return undefined
    throw error
  }
}

function textOf(value: unknown, place: CopyPlace): string {
  if (typeof value === 'string') return value
  throw new TsbuildError('PATH_ESCAPES', `Cannot follow "${place.name}": the name of its target is not UTF-8`)
}
