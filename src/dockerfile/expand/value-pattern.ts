import type { Checked } from '../diagnostics.ts'
import { bad, good } from '../diagnostics.ts'

/**
 * A pattern of `${name#pattern}`, `${name%pattern}` and `${name/pattern/…}`: `*` any run, `?` one character, neither of them a
 * line feed, `\` before `*`, `?`, `\`, `}` and `/`. There are no bracket expressions. It is cut at its stars:
 * `a*b` is the two chunks `a` and `b`. `undefined` inside a chunk stands for `?`.
 */
export type ValuePattern = readonly (readonly (string | undefined)[])[]

export function readValuePattern(pattern: string): Checked<ValuePattern> {
  const chunks: (string | undefined)[][] = [[]]
  const characters = Array.from(pattern)
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at] ?? ''
    const next = characters[at + 1]
    if (character === '*') {
      chunks.push([])
    } else if (character === '?') {
      chunks.at(-1)?.push(undefined)
    } else if (character !== '\\') {
      chunks.at(-1)?.push(character)
    } else if (next === '}' || next === '/') {
      continue
    } else if (next === '*' || next === '?' || next === '\\') {
      chunks.at(-1)?.push(next)
      at += 1
    } else {
      return bad(
        'EXPANSION_FAILED',
        `pattern "${pattern}" has the invalid escape "\\${next ?? ''}"`,
        'Only "*", "?" and "\\" can be escaped in a pattern',
      )
    }
  }
  return good(chunks)
}

/** `${name#pattern}` (shortest) and `${name##pattern}` (longest). */
export function trimPrefix(value: string, pattern: ValuePattern, longest: boolean): string {
  const characters = Array.from(value)
  const match = createFinder(pattern, characters).at(0, longest)
  return match === undefined ? value : characters.slice(match).join('')
}

/** `${name%pattern}` (shortest) and `${name%%pattern}` (longest): the same from the other end. */
export function trimSuffix(value: string, pattern: ValuePattern, longest: boolean): string {
  const backwards = pattern.map((chunk) => chunk.toReversed()).toReversed()
  const characters = Array.from(value).toReversed()
  const match = createFinder(backwards, characters).at(0, longest)
  return match === undefined ? value : characters.slice(match).toReversed().join('')
}

/** `${name/pattern/text}`, with `all` `${name//pattern/text}`. An empty match right after a match does not count. */
export function replacePattern(value: string, pattern: ValuePattern, text: string, all: boolean): string {
  const characters = Array.from(value)
  const finder = createFinder(pattern, characters)
  const parts: string[] = []
  let copied = 0
  let lastEnd = -1
  for (let start = 0; start <= characters.length; start++) {
    const end = finder.at(start, true)
    if (end === undefined || (end === start && start === lastEnd)) continue
    parts.push(characters.slice(copied, start).join(''), text)
    copied = end
    lastEnd = end
    if (!all) break
    if (end > start) start = end - 1
  }
  return parts.join('') + characters.slice(copied).join('')
}

interface Finder {
  /** Where a match that begins at `start` ends. Must be asked with rising `start`. */
  at(start: number, longest: boolean): number | undefined
}

/**
 * Placing each chunk as early as possible finds a match whenever there is one, and the shortest; the longest ends at the last
 * place of the last chunk. What a chunk's search found stays valid until `start` has passed it, so going through a value costs
 * its length times the pattern's at most.
 */
function createFinder(pattern: ValuePattern, value: readonly string[]): Finder {
  const [first = [], ...rest] = pattern
  const found = rest.map(() => -1)
  let lineEnd = -1
  const endOfLine = (from: number): number => {
    if (lineEnd < from) {
      const at = value.indexOf('\n', from)
      lineEnd = at === -1 ? value.length : at
    }
    return lineEnd
  }
  return {
    at: (start, longest) => {
      if (!matchesChunk(first, value, start)) return undefined
      let end = start + first.length
      for (const [index, chunk] of rest.entries()) {
        const limit = endOfLine(end)
        let place = Math.max(found[index] ?? -1, end)
        while (place <= limit && !matchesChunk(chunk, value, place)) place += 1
        found[index] = place
        if (place > limit) return undefined
        if (longest && index === rest.length - 1) {
          for (place = limit; !matchesChunk(chunk, value, place);) place -= 1
        }
        end = place + chunk.length
      }
      return end
    },
  }
}

function matchesChunk(chunk: readonly (string | undefined)[], value: readonly string[], start: number): boolean {
  if (start + chunk.length > value.length) return false
  return chunk.every((wanted, index) => {
    const character = value[start + index]
    return wanted === undefined ? character !== '\n' : character === wanted
  })
}
