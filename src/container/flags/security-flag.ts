import { TsbuildError, hasCode, messageOf } from '../../base/errors.ts'
import { readUserFile } from '../../base/user-file.ts'
import { invalidFlag } from '../../base/flag-error.ts'
import type { OciSeccomp } from '../../runtime/runtime-spec.ts'
import { parseSeccompProfile } from '../../runtime/seccomp-file.ts'
import type { ContainerSecurity } from '../container-spec.ts'

export interface SecurityOptions {
  readonly seccomp: ContainerSecurity['seccomp']
  readonly apparmor: string | null
  readonly noNewPrivileges: boolean
  readonly systemPathsUnconfined: boolean
}

/** What a seccomp profile file is read for: its rules may depend on both. */
export interface SecurityPlace {
  readonly architecture: string
  readonly capabilities: readonly string[]
  readonly signal: AbortSignal
}

/** Parses the values of `--security-opt`, `KEY=VALUE` or `KEY:VALUE` as docker takes both. USAGE, FILE_UNREADABLE. */
export async function readSecurityOptions(options: readonly string[], place: SecurityPlace): Promise<SecurityOptions> {
  let result: SecurityOptions = { seccomp: null, apparmor: null, noNewPrivileges: false, systemPathsUnconfined: false }
  for (const option of options) {
    const [, key = option, value = ''] = /^([a-z-]+)[=:](.*)$/s.exec(option) ?? []
    switch (key) {
      case 'seccomp':
        result = { ...result, seccomp: await readSeccomp(value, place) }
        break
      case 'apparmor':
        result = { ...result, apparmor: value === 'unconfined' ? null : value }
        break
      case 'no-new-privileges':
        result = { ...result, noNewPrivileges: value !== 'false' }
        break
      case 'systempaths':
        if (value !== 'unconfined')
          throw invalidFlag('--security-opt', option, 'the only value of systempaths is unconfined')
        result = { ...result, systemPathsUnconfined: true }
        break
      case 'label':
        break // SELinux: docker takes the option on machines without it and does nothing there
      default:
        throw invalidFlag(
          '--security-opt',
          option,
          `unknown option "${key}"`,
          'Options: seccomp, apparmor, no-new-privileges, systempaths, label',
        )
    }
  }
  return result
}

async function readSeccomp(value: string, place: SecurityPlace): Promise<'unconfined' | OciSeccomp | null> {
  if (value === 'unconfined') return 'unconfined'
  if (value === 'builtin' || value === '') return null
  let text: string
  try {
    text = (await readUserFile(value, place.signal)).toString()
  } catch (error) {
    if (hasCode(error, 'CANCELLED')) throw error
    throw new TsbuildError('FILE_UNREADABLE', `opening seccomp profile (${value}) failed: ${messageOf(error)}`, {
      cause: error,
    })
  }
  return parseSeccompProfile(text, value, place)
}
