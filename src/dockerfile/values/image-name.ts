import type { Problem } from '../diagnostics.ts'
import { quoted } from '../diagnostics.ts'

const component = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*'
const host =
  '(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?'
const tag = '[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}'
const digest = '[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}'
const reference = new RegExp(`^(?:(${host})/)?(${component}(?:/${component})*)(?::(${tag}))?(?:@(${digest}))?$`)
const digestSizes: Readonly<Record<string, number>> = { sha256: 64, sha384: 96, sha512: 128 }

export interface ImageNameParts {
  /** The registry; `docker.io` when none is written. */
  readonly registry: string
  readonly repository: string
  readonly tag?: string
  readonly digest?: string
}

/** Reads an image name by the grammar of distribution's references, with docker's short forms. */
export function parseImageName(name: string): ImageNameParts | Problem {
  const problem = (message: string, hint?: string): Problem => ({
    code: 'BASE_INVALID',
    message,
    ...(hint !== undefined && { hint }),
  })
  if (name.length > 1024) return problem(`image name ${quoted(name)} is too long`)
  if (/^[0-9a-f]{64}$/.test(name))
    return problem(`image name ${quoted(name)} is a bare identifier`, 'Write "name@sha256:…"')
  const { registry, rest } = splitRegistry(name)
  const path = rest.split(/[:@]/, 1)[0] ?? ''
  if (path !== path.toLowerCase())
    return problem(
      `image name ${quoted(name)} has capitals`,
      `Repository names are in lower case: "${name.replace(path.replace(/^library\//, ''), (text) => text.toLowerCase())}"`,
    )
  const match = reference.exec(`${registry}/${rest}`)
  const [, , repository = '', tagText, digestText] = match ?? []
  if (match === null || repository.length + registry.length + 1 > 255)
    return problem(`image name ${quoted(name)} is malformed`, 'Write "[registry/]name[:tag][@digest]"')
  const [algorithm = '', hex = ''] = digestText?.split(':') ?? []
  if (digestText !== undefined && digestSizes[algorithm] !== hex.length)
    return problem(
      `image name ${quoted(name)} has a malformed digest`,
      'A digest is "sha256:" and 64 hexadecimal digits',
    )
  return {
    registry,
    repository,
    ...(tagText !== undefined && { tag: tagText }),
    ...(digestText !== undefined && { digest: digestText }),
  }
}

/** A first element is a registry when it has a dot, a colon or a capital, or is `localhost`. */
function splitRegistry(name: string): { readonly registry: string; readonly rest: string } {
  const slash = name.indexOf('/')
  const first = slash === -1 ? '' : name.slice(0, slash)
  const named = first === 'localhost' || /[.:]/.test(first) || first !== first.toLowerCase()
  const registry = named && first !== 'index.docker.io' ? first : 'docker.io'
  const rest = named ? name.slice(slash + 1) : name
  return { registry, rest: registry === 'docker.io' && !rest.includes('/') ? `library/${rest}` : rest }
}
