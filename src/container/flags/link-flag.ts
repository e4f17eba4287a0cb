import { invalidFlag } from '../../base/flag-error.ts'

/** Parses `--link CONTAINER[:ALIAS]`; without an alias the container's name is it. USAGE. */
export function parseLink(text: string): { readonly container: string; readonly alias: string } {
  const [container = '', alias = container.replace(/^\//, ''), rest] = text.split(':')
  if (rest !== undefined || container === '' || alias === '')
    throw invalidFlag('--link', text, `bad format for links: ${text}`)
  return { container, alias }
}
