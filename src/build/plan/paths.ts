import { joinPath } from './go-format.ts'

/** WORKDIR: an absolute path replaces the current directory as it is written, a relative one is joined to it. */
export function resolveWorkdir(current: string, path: string): string {
  const parent = rooted(current)
  if (path === '') return parent
  return path.startsWith('/') ? path : joinPath(parent, path)
}

/** The destination of COPY and ADD: absolute, with the trailing slash or `/.` that says "directory". */
export function resolveDestination(workdir: string, path: string): string {
  const given = path === '' || path === '.' ? './' : path
  const full = given.startsWith('/') ? given : joinPath(rooted(workdir), given)
  if (given.endsWith('/')) return full.endsWith('/') ? full : `${full}/`
  if (given.endsWith('/.') && !full.endsWith('/.')) return full.endsWith('/') ? `${full}.` : `${full}/.`
  return full
}

/** A source: absolute below the root of where it comes from; `..` cannot leave it. */
export function resolveSource(path: string): string {
  return joinPath('/', path)
}

function rooted(directory: string): string {
  if (directory === '') return '/'
  return directory.startsWith('/') ? directory : joinPath('/', directory)
}
