import { TsbuildError } from '../../base/errors.ts'
import type { Healthcheck } from '../../oci/types.ts'
import type { ContainerInput } from './container-request.ts'

const nanoseconds = 1_000_000

/** What the `--health-…` flags say; undefined where none of them came. USAGE. */
export function readHealthcheck(flags: ContainerInput['flags']): 'none' | Healthcheck | undefined {
  const check: Healthcheck = {
    ...(flags['health-cmd'] === undefined ? {} : { Test: ['CMD-SHELL', flags['health-cmd']] }),
    ...duration('Interval', '--health-interval', flags['health-interval']),
    ...duration('Timeout', '--health-timeout', flags['health-timeout']),
    ...duration('StartPeriod', '--health-start-period', flags['health-start-period']),
    ...duration('StartInterval', '--health-start-interval', flags['health-start-interval']),
    ...(flags['health-retries'] === undefined ? {} : { Retries: flags['health-retries'] }),
  }
  if ((check.Retries ?? 0) < 0) throw new TsbuildError('USAGE', '--health-retries cannot be negative')
  if (!flags['no-healthcheck']) return Object.keys(check).length === 0 ? undefined : check
  if (Object.keys(check).length === 0) return 'none'
  throw new TsbuildError('USAGE', '--no-healthcheck conflicts with --health-* options')
}

function duration<K extends string>(key: K, flag: string, ms: number | undefined): { readonly [P in K]?: number } {
  if (ms === undefined) return {}
  if (ms < 0) throw new TsbuildError('USAGE', `${flag} cannot be negative`)
  if (ms > 0 && ms < 1) throw new TsbuildError('USAGE', `${key} in Healthcheck cannot be less than 1ms`)
  return { [key]: Math.round(ms * nanoseconds) } as { readonly [P in K]: number }
}
