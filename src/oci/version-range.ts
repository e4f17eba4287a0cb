import { TsbuildError } from '../base/errors.ts'

type Version = readonly [major: number, minor: number, patch: number]
type Test = (version: Version) => boolean

/**
 * A constraint of semantic versions as Go's tools take it: `>= 1.2, < 2`, `^1.2`, `~1.2.3`, `1.x`, alternatives by `||`. Gives a test of tags; a
 * tag that is no version, or a pre-release, fits nothing. Error: USAGE.
 */
export function versionRange(text: string): (tag: string) => boolean {
  const alternatives = text.split('||').map((part) => constraints(part, text))
  return (tag) => {
    const [, major, minor, patch] = /^v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:\+[\w.-]+)?$/.exec(tag) ?? []
    if (major === undefined) return false
    const version: Version = [Number(major), Number(minor ?? 0), Number(patch ?? 0)]
    return alternatives.some((tests) => tests.every((test) => test(version)))
  }
}

function constraints(part: string, text: string): readonly Test[] {
  const found = [
    ...part.matchAll(/\s*(>=|<=|!=|=|>|<|\^|~>|~)?\s*v?(\d+|[xX*])(?:\.(\d+|[xX*]))?(?:\.(\d+|[xX*]))?\s*,?/gy),
  ]
  if (found.length === 0 || found.map(([whole]) => whole).join('') !== part)
    throw new TsbuildError('USAGE', `Cannot read the version range "${text}"`, {
      hint: 'For example ">= 1.2, < 2" or "^1.2"',
    })
  return found.map(([, sign = '', ...numbers]) => {
    const given = numbers.filter((number) => number !== undefined && /^\d+$/.test(number)).map(Number)
    return constraint(sign, given)
  })
}

/** `given` has as many numbers as were written: `1.2` stands for all of 1.2. */
function constraint(sign: string, given: readonly number[]): Test {
  const [major = 0, minor = 0, patch = 0] = given
  const low: Version = [major, minor, patch]
  const below =
    (end: Version): Test =>
    (version) =>
      compare(version, low) >= 0 && compare(version, end) < 0
  const next = (at: number): Version =>
    at <= 0 ? [major + 1, 0, 0] : at === 1 ? [major, minor + 1, 0] : [major, minor, patch + 1]
  const whole: Test = given.length === 0 ? () => true : below(next(given.length - 1))
  switch (sign) {
    case '>=':
      return (version) => compare(version, low) >= 0
    case '<':
      return (version) => compare(version, low) < 0
    case '>':
      return (version) => compare(version, low) > 0 && !whole(version)
    case '<=':
      return (version) => compare(version, low) < 0 || whole(version)
    case '!=':
      return (version) => !whole(version)
    case '^':
      // The first number that is not zero must stay.
      return below(next(major > 0 || given.length === 1 ? 0 : minor > 0 || given.length === 2 ? 1 : 2))
    case '~':
    case '~>':
      return below(next(given.length === 1 ? 0 : 1))
    default:
      return whole
  }
}

function compare(a: Version, b: Version): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2]
}
