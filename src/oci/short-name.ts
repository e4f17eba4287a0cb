import { parseReference } from './reference.ts'
import type { Reference } from './reference.ts'

/** True for a name without a registry's host: only those have aliases. */
export function isShortName(text: string): boolean {
  const [first = '', ...rest] = text.split('/')
  return rest.length === 0 || !(/[.:]/.test(first) || first === 'localhost')
}

/**
 * What containers-registries.conf(5) makes of a name without a host: `fedora:41` with the alias `fedora` for
 * `registry.fedoraproject.org/fedora` is that repository with the tag 41. Undefined for a name that no alias is for.
 * Errors: REFERENCE_INVALID, DIGEST_INVALID.
 */
export function resolveAlias(text: string, aliases: Readonly<Record<string, string>>): Reference | undefined {
  const name = /^[^@:]+/.exec(text)?.[0] ?? ''
  const target = Object.hasOwn(aliases, name) ? aliases[name] : undefined
  return target === undefined ? undefined : parseReference(`${target}${text.slice(name.length)}`)
}
