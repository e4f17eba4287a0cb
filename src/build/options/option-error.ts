import { TsbuildError } from '../../base/errors.ts'

/** A USAGE error for a malformed value of a build flag. */
export function invalidOption(flag: string, value: string, why: string, hint?: string): TsbuildError {
  return new TsbuildError('USAGE', `invalid value "${value}" for ${flag}: ${why}`, hint === undefined ? {} : { hint })
}
