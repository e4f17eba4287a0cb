import type { Checked } from '../diagnostics.ts'
import { bad, good } from '../diagnostics.ts'

/**
 * One token of a glob segment. It never matches a slash.
 * - `lit`: exactly this text
 * - `star`: any run of characters, also none
 * - `any`: one character
 * - `class`: one character inside (or, negated, outside) any of the code point ranges, ends included
 */
export type GlobToken =
  | readonly ['lit', string]
  | readonly ['star']
  | readonly ['any']
  | readonly ['class', boolean, readonly (readonly [number, number])[]]

/** One path element of a pattern, or `**`: any number of path elements, also none. */
export type GlobSegment = '**' | readonly GlobToken[]

/** A compiled pattern; see the README for the JSON form that other programs execute. */
export interface GlobPlan {
  readonly segments: readonly GlobSegment[]
}

/** Tokens of a pattern text before it is cut at slashes; `deep` is `**` together with a slash that follows it. */
export type RawToken = GlobToken | readonly ['slash'] | readonly ['deep']

/**
 * Reads the syntax of Go's `filepath.Match`: `*`, `?`, `[a-z]`, `[^a-z]`, `\` before any character.
 * With `deep`, `**` is read as patternmatcher does. The errors are those of `filepath.ErrBadPattern`.
 */
export function readGlob(pattern: string, options: { readonly deep: boolean }): Checked<readonly RawToken[]> {
  const tokens: RawToken[] = []
  let literal = ''
  const flush = (): void => {
    if (literal !== '') tokens.push(['lit', literal])
    literal = ''
  }
  const push = (token: RawToken): void => {
    flush()
    tokens.push(token)
  }
  let at = 0
  while (at < pattern.length) {
    const char = pattern[at] ?? ''
    if (char === '*' && options.deep && pattern[at + 1] === '*') {
      at += pattern[at + 2] === '/' ? 3 : 2
      push(['deep'])
    } else if (char === '*') {
      at += 1
      flush()
      if (tokens.at(-1)?.[0] !== 'star') tokens.push(['star'])
    } else if (char === '?') {
      at += 1
      push(['any'])
    } else if (char === '/') {
      at += 1
      push(['slash'])
    } else if (char === '[') {
      const group = readClass(pattern, at + 1)
      if (!group.ok) return group
      at = group.value.end
      push(group.value.token)
    } else if (char === '\\') {
      if (at + 1 === pattern.length) return bad('IGNORE_INVALID', `pattern "${pattern}" ends with a lone backslash`)
      if (pattern[at + 1] === '/') push(['slash'])
      else literal += pattern[at + 1]
      at += 2
    } else {
      literal += char
      at += 1
    }
  }
  flush()
  return good(tokens)
}

function readClass(pattern: string, start: number): Checked<{ readonly token: GlobToken; readonly end: number }> {
  const broken = (what: string): Checked<never> =>
    bad('IGNORE_INVALID', `pattern "${pattern}" has a character class ${what}`, 'Write "\\[" for a plain bracket')
  let at = start
  const negated = pattern[at] === '^'
  if (negated) at += 1
  const ranges: (readonly [number, number])[] = []
  const character = (): number | undefined => {
    if (pattern[at] === '-' || pattern[at] === ']') return undefined
    if (pattern[at] === '\\') at += 1
    const code = pattern.codePointAt(at)
    if (code === undefined) return undefined
    at += code > 0xffff ? 2 : 1
    return at < pattern.length ? code : undefined
  }
  while (pattern[at] !== ']' || ranges.length === 0) {
    const low = character()
    if (low === undefined)
      return broken(at >= pattern.length ? 'without its closing bracket' : 'that is empty or starts with "-"')
    let high: number | undefined = low
    if (pattern[at] === '-') {
      at += 1
      high = character()
      if (high === undefined) return broken('with an unfinished range')
      if (high < low) return broken('with a range that runs backwards')
    }
    ranges.push([low, high])
  }
  return good({ token: ['class', negated, ranges], end: at + 1 })
}

/** Cuts tokens at slashes. `deep` tokens must not be among them. */
export function toSegments(tokens: readonly RawToken[]): GlobSegment[] {
  const segments: GlobToken[][] = [[]]
  for (const token of tokens) {
    if (token[0] === 'slash') segments.push([])
    else if (token[0] !== 'deep') segments.at(-1)?.push(token)
  }
  return segments
}
