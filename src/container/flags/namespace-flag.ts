import type { NamespaceMode } from '../container-spec.ts'
import { invalidFlag } from './flag-error.ts'

/** Parses `--pid` and `--ipc`: empty or `private` (and `shareable`), `host`, `container:NAME`. USAGE. */
export function parseNamespace(flag: string, text: string | undefined): NamespaceMode {
  if (text === undefined || text === '' || text === 'private' || text === 'shareable') return 'own'
  if (text === 'host') return 'host'
  const container = /^container:(.+)$/.exec(text)?.[1]
  if (container !== undefined) return { container }
  throw invalidFlag(flag, text, 'unknown mode', 'Modes: private, host, container:NAME')
}

export function parseIpc(text: string | undefined): NamespaceMode | 'none' {
  return text === 'none' ? 'none' : parseNamespace('--ipc', text)
}

/** Parses `--uts` and `--cgroupns`. USAGE. */
export function parseOwnOrHost(flag: string, text: string | undefined): 'own' | 'host' {
  if (text === undefined || text === '' || text === 'private') return 'own'
  if (text === 'host') return 'host'
  throw invalidFlag(flag, text, 'unknown mode', 'Modes: private, host')
}
