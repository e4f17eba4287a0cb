import { invalidFlag } from '../../base/flag-error.ts'
import type { NamespaceMode } from '../container-spec.ts'

/** Parses `--pid`: empty or `private`, `host`, `container:NAME`. USAGE. */
export function parseNamespace(
  flag: string,
  text: string | undefined,
  modes: readonly string[] = ['private', 'host'],
): NamespaceMode {
  if (text === undefined || text === '' || text === 'private') return 'own'
  if (text === 'host') return 'host'
  const container = /^container:(.+)$/.exec(text)?.[1]
  if (container !== undefined) return { container }
  throw invalidFlag(flag, text, 'unknown mode', `Modes: ${modes.join(', ')}, container:NAME`)
}

/** Parses `--ipc`, which knows `none` and `shareable` too. USAGE. */
export function parseIpc(text: string | undefined): NamespaceMode | 'none' | 'shareable' {
  if (text === 'none' || text === 'shareable') return text
  return parseNamespace('--ipc', text, ['private', 'shareable', 'none', 'host'])
}

/** Parses `--uts` and `--cgroupns`. USAGE. */
export function parseOwnOrHost(flag: string, text: string | undefined): 'own' | 'host' {
  if (text === undefined || text === '' || text === 'private') return 'own'
  if (text === 'host') return 'host'
  throw invalidFlag(flag, text, 'unknown mode', 'Modes: private, host')
}
