import { TsbuildError } from './errors.ts'

/** A USAGE error in docker's words for a malformed flag value. */
export function invalidFlag(flag: string, value: string, why: string, hint?: string): TsbuildError {
  return new TsbuildError('USAGE', `invalid value "${value}" for ${flag}: ${why}`, hint === undefined ? {} : { hint })
}
