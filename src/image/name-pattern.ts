import { familiarReference, familiarRepository } from '../oci/reference.ts'
import type { Reference } from '../oci/reference.ts'

/**
 * Names by docker's filter `reference`: `*` and `?` do not cross a slash, `[a-z]` is a class. The pattern is held against the familiar
 * name with its tag and without; without a host or path it fits repositories of Docker Hub's library and names of one component.
 */
export function compileNamePattern(pattern: string): (name: Reference) => boolean {
  const expression = new RegExp(`^${toRegExp(pattern)}$`)
  return (name) => {
    const repository = familiarRepository(name)
    const full = familiarReference({ ...name, digest: undefined })
    return (
      expression.test(full) ||
      expression.test(repository) ||
      expression.test(`${name.registry}/${name.repository}`) ||
      expression.test(`${name.registry}/${name.repository}:${name.tag ?? ''}`)
    )
  }
}

function toRegExp(pattern: string): string {
  return pattern.replace(/\[[^\]]+\]|[*?]|[.+^${}()|\\/[\]]/g, (part) => {
    if (part === '*') return '[^/]*'
    if (part === '?') return '[^/]'
    if (part.length > 1) return part.replaceAll('\\', '\\\\')
    return `\\${part}`
  })
}
