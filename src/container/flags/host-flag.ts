import { isIP } from 'node:net'
import { invalidFlag } from '../../base/flag-error.ts'

/** Parses `--add-host NAME:IP` (or `NAME=IP`); IP may be `host-gateway`, and an IPv6 address may stand in brackets. USAGE. */
export function parseExtraHost(text: string): string {
  const at = text.search(/[:=]/)
  const [name, address] = [text.slice(0, Math.max(at, 0)), text.slice(at + 1).replace(/^\[(.*)\]$/, '$1')]
  if (name === '' || /\s/.test(name)) throw invalidFlag('--add-host', text, 'expected NAME:IP')
  if (address !== 'host-gateway' && isIP(address) === 0)
    throw invalidFlag('--add-host', text, `invalid IP address "${address}"`)
  return `${name}:${address}`
}

/** USAGE unless `text` is an IP address. */
export function parseNameServer(text: string): string {
  if (isIP(text) !== 0) return text
  throw invalidFlag('--dns', text, 'not an IP address')
}

/** docker's rules for `--hostname`: labels of letters, digits and hyphens (and underscores, which many use). USAGE. */
export function parseHostname(text: string): string {
  if (/^[a-zA-Z0-9_]([a-zA-Z0-9_.-]{0,62})$/.test(text)) return text
  throw invalidFlag('--hostname', text, 'not a host name of at most 63 characters')
}
