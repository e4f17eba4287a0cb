import { TsbuildError } from '../../base/errors.ts'
import { printableLine } from '../../base/printable.ts'
import type { Url } from './http.ts'

const absolute = /^(https?):\/\/([^/?#\s\\]+)([/?][^#]*)?(?:#.*)?$/i
/** Longer targets are refused by servers; presigned ones stay below 4 KiB. */
const maxLength = 16_384

/**
 * Reads a URL from a header (Location, Link, realm) or the configuration. Against `base`, relative forms are resolved
 * (RFC 3986). Path and query of an absolute URL are kept byte for byte: a signature covers them. Error: REGISTRY_PROTOCOL.
 */
export function parseUrl(text: string, base?: Url): Url {
  if (text.length > maxLength) throw wrong(text, `it has ${text.length} characters`)
  const match = absolute.exec(text)
  if (match !== null) {
    const [, scheme = '', authority = '', target = '/'] = match
    if (authority.includes('@')) throw wrong(text, 'it holds credentials')
    const path = target.startsWith('?') ? `/${target}` : target
    return { origin: originOf(`${scheme}://${authority}`, text), target: encodeUnsafe(path) }
  }
  if (base === undefined || /^[a-z][a-z0-9+.-]*:/i.test(text)) throw wrong(text, 'expected an http or https URL')
  if (text.startsWith('//')) return parseUrl(`${base.origin.slice(0, base.origin.indexOf(':'))}:${text}`)
  if (text.startsWith('/')) return { origin: base.origin, target: encodeUnsafe(withoutFragment(text)) }
  const resolved = new URL(withoutFragment(text), formatUrl(base))
  return { origin: base.origin, target: resolved.pathname + resolved.search }
}

export function formatUrl(url: Url): string {
  return `${url.origin}${url.target}`
}

/** `host[:port]` of an origin. */
export function hostOf(url: Pick<Url, 'origin'>): string {
  return url.origin.slice(url.origin.indexOf('//') + 2)
}

export function isSecure(url: Pick<Url, 'origin'>): boolean {
  return url.origin.startsWith('https:')
}

/** True for addresses and names that cannot leave this machine. */
export function isLoopback(host: string): boolean {
  const name = host
    .replace(/:\d+$/, '')
    .replace(/^\[|\]$/g, '')
    .toLowerCase()
  return name === 'localhost' || name.endsWith('.localhost') || /^127\.\d+\.\d+\.\d+$/.test(name) || name === '::1'
}

/** Adds parameters, encoded, after those that the target already has. */
export function withQuery(url: Url, parameters: Readonly<Record<string, string | undefined>>): Url {
  const added = Object.entries(parameters)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value ?? '')}`)
    .join('&')
  if (added === '') return url
  const glue = !url.target.includes('?') ? '?' : /[?&]$/.test(url.target) ? '' : '&'
  return { origin: url.origin, target: `${url.target}${glue}${added}` }
}

function originOf(text: string, whole: string): string {
  try {
    return new URL(text).origin
  } catch (error) {
    throw wrong(whole, 'its host is malformed', error)
  }
}

function withoutFragment(text: string): string {
  const hash = text.indexOf('#')
  return hash < 0 ? text : text.slice(0, hash)
}

/** Only what may not stand in a request line is encoded. */
function encodeUnsafe(target: string): string {
  // oxlint-disable-next-line no-control-regex -- they must not reach the request line
  return target.replace(/[\u0000-\u0020\u007f-\uffff"<>\\^`{|}]+/g, (text) => encodeURIComponent(text.toWellFormed()))
}

function wrong(text: string, why: string, cause?: unknown): TsbuildError {
  return new TsbuildError('REGISTRY_PROTOCOL', `Cannot follow URL "${printableLine(text, 200)}": ${why}`, { cause })
}
