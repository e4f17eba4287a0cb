import type { GlobSegment, GlobToken } from './glob.ts'

/** True when the whole path, given as its elements, matches. */
export function matchSegments(segments: readonly GlobSegment[], path: readonly string[]): boolean {
  return reach(segments, path).has(segments.length)
}

/** True when some path strictly below the directory can match. */
export function canMatchBelow(segments: readonly GlobSegment[], directory: readonly string[]): boolean {
  for (const state of reach(segments, directory)) if (state < segments.length) return true
  return false
}

/** The sets of positions in `segments` that can be reached after the whole path was read. */
function reach(segments: readonly GlobSegment[], path: readonly string[]): ReadonlySet<number> {
  let states = closure(segments, [0])
  for (const name of path) {
    const next: number[] = []
    for (const state of states) {
      const segment = segments[state]
      if (segment === '**') next.push(state)
      else if (segment !== undefined && matchName(segment, name)) next.push(state + 1)
    }
    states = closure(segments, next)
    if (states.size === 0) break
  }
  return states
}

/** `**` may match nothing, so its position and the one after it are the same. */
function closure(segments: readonly GlobSegment[], from: readonly number[]): ReadonlySet<number> {
  const states = new Set<number>()
  for (let state of from) {
    states.add(state)
    while (segments[state] === '**') states.add((state += 1))
  }
  return states
}

/** True when the tokens match the whole name. A failed attempt goes back to the last star only, so the work is bounded by name × tokens. */
export function matchName(tokens: readonly GlobToken[], name: string): boolean {
  let token = 0
  let at = 0
  let star = -1
  let starAt = 0
  while (true) {
    const current = tokens[token]
    if (current?.[0] === 'star') {
      star = token
      starAt = at
      token += 1
      continue
    }
    if (current === undefined && at === name.length) return true
    const width = current === undefined ? -1 : matchToken(current, name, at)
    if (width >= 0) {
      token += 1
      at += width
      continue
    }
    if (star === -1 || starAt >= name.length) return false
    starAt += 1
    at = starAt
    token = star + 1
  }
}

/** Code units that the token takes at `at`, -1 when it does not match. */
function matchToken(token: GlobToken, name: string, at: number): number {
  if (token[0] === 'star') return 0
  if (token[0] === 'lit') return name.startsWith(token[1], at) ? token[1].length : -1
  const code = name.codePointAt(at)
  if (code === undefined) return -1
  if (token[0] === 'class' && token[2].some(([low, high]) => code >= low && code <= high) === token[1]) return -1
  return code > 0xffff ? 2 : 1
}
