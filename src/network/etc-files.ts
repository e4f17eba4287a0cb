import { readFileSync } from 'node:fs'
import { hasErrno } from '../base/errors.ts'

/** The lines of a resolv.conf that matter. */
export interface ResolverConfig {
  readonly servers: readonly string[]
  readonly search: readonly string[]
  readonly options: readonly string[]
}

const localLines = [
  '127.0.0.1\tlocalhost',
  '::1\tlocalhost ip6-localhost ip6-loopback',
  'fe00::\tip6-localnet',
  'ff00::\tip6-mcastprefix',
  'ff02::1\tip6-allnodes',
  'ff02::2\tip6-allrouters',
]

export interface HostsEntry {
  readonly address: string
  readonly names: readonly string[]
}

/** The text of /etc/hosts. */
export function hostsFile(entries: readonly HostsEntry[]): string {
  return `${[...localLines, ...entries.map(({ address, names }) => `${address}\t${names.join(' ')}`)].join('\n')}\n`
}

/** The text of /etc/resolv.conf. */
export function resolvConf({ servers, search, options }: ResolverConfig): string {
  const lines = [
    ...servers.map((server) => `nameserver ${server}`),
    ...(search.length === 0 ? [] : [`search ${search.join(' ')}`]),
    ...(options.length === 0 ? [] : [`options ${options.join(' ')}`]),
  ]
  return lines.map((line) => `${line}\n`).join('')
}

/** What the host's resolv.conf says; empty where it has none. */
export function hostResolver(path = '/etc/resolv.conf'): ResolverConfig {
  return parseResolvConf(readIfThere(path))
}

export function parseResolvConf(text: string): ResolverConfig {
  const lines = text.split('\n').map((line) =>
    line
      .replace(/[#;].*$/, '')
      .trim()
      .split(/\s+/),
  )
  const words = (key: string): readonly (readonly string[])[] =>
    lines.filter(([first]) => first === key).map((line) => line.slice(1))
  return {
    servers: lines
      .filter(([first, server]) => first === 'nameserver' && server !== undefined)
      .map(([, server]) => server!),
    // resolv.conf(5): of several search lines the last one counts, options add up. "search ." is systemd-resolved's way to say that there is none.
    search:
      words('search')
        .at(-1)
        ?.filter((domain) => domain !== '.') ?? [],
    options: words('options').flat(),
  }
}

/** True for a server that only the host itself can ask. */
export function isLoopback(server: string): boolean {
  return server.startsWith('127.') || server === '::1'
}

export function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return ''
    throw error
  }
}
