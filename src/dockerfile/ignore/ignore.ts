import type { Diagnostic } from '../diagnostics.ts'
import { cleanPath, trim, trimmedBounds } from '../go-text.ts'
import type { Range } from '../source.ts'
import { decodeSource, indexLines } from '../source.ts'
import { canMatchBelow, matchSegments } from './match.ts'
import type { CompiledPattern } from './patterns.ts'
import { compilePattern } from './patterns.ts'
import type { IgnorePlan } from './plan.ts'
import { toPlanSegments } from './plan.ts'

/** One pattern of an ignore list and where it stands. `line` counts from 1. */
export interface IgnoreRule {
  /** As written, without surrounding white space. */
  readonly pattern: string
  readonly negate: boolean
  readonly file: string
  readonly line: number
  readonly range: Range
}

export interface IgnoreMatch {
  readonly ignored: boolean
  /** The rule that decided: the one that hides the path, or the exception that shows it again. */
  readonly rule?: IgnoreRule
}

export interface IgnoreMatcher {
  readonly rules: readonly IgnoreRule[]
  readonly diagnostics: readonly Diagnostic[]
  /** `path` is relative to the context, with slashes. The context itself (`.` or empty) is never ignored. */
  match(path: string): IgnoreMatch
  /** For an ignored directory: true when something below it may be shown again, so that it has to be walked. */
  mayReinclude(directory: string): boolean
  /** For programs that walk without this package; see the README. */
  toPlan(): IgnorePlan
  /** The rule that the plan's pattern `index` came from. */
  ruleOf(index: number): IgnoreRule | undefined
}

/** Compiles a `.dockerignore`: `#` starts a comment only in the first column, a byte order mark is skipped, `/a` is `a`. Malformed patterns become diagnostics. */
export function compileIgnore(text: string | Uint8Array, filename = '.dockerignore'): IgnoreMatcher {
  const source = typeof text === 'string' ? text : decodeSource(text)
  const lines = indexLines(source)
  const written: WrittenPattern[] = []
  for (let line = 1; line <= lines.lineCount; line++) {
    const lineStart = lines.lineStart(line)
    const from = line === 1 && source.startsWith('\uFEFF') ? 1 : lineStart
    const lineEnd = line === lines.lineCount ? source.length : lines.lineStart(line + 1)
    if (source[from] === '#') continue
    const [start, end] = trimmedBounds(source, from, lineEnd)
    if (start === end) continue
    const pattern = source.slice(start, end)
    written.push({ pattern, effective: rooted(pattern), line, range: lines.range(start, end) })
  }
  return buildMatcher(written, filename)
}

/** Compiles a list of patterns such as those of `COPY --exclude`, in order. They are not stripped of a leading slash. */
export function compilePatterns(patterns: readonly string[], filename = ''): IgnoreMatcher {
  const written = patterns.flatMap((pattern, index): WrittenPattern[] => {
    if (trim(pattern) === '') return []
    const start = { offset: 0, line: index + 1, column: 1 }
    const end = { offset: pattern.length, line: index + 1, column: pattern.length + 1 }
    return [{ pattern, effective: pattern, line: index + 1, range: { start, end } }]
  })
  return buildMatcher(written, filename)
}

interface WrittenPattern {
  readonly pattern: string
  readonly effective: string
  readonly line: number
  readonly range: Range
}

/** `/a` and `a` are the same, also behind `!`. */
function rooted(pattern: string): string {
  const negate = pattern.startsWith('!')
  const rest = trim(negate ? pattern.slice(1) : pattern)
  if (rest === '') return pattern
  const cleaned = cleanPath(rest)
  return (negate ? '!' : '') + (cleaned.length > 1 && cleaned.startsWith('/') ? cleaned.slice(1) : cleaned)
}

function buildMatcher(written: readonly WrittenPattern[], file: string): IgnoreMatcher {
  const rules: IgnoreRule[] = []
  const patterns: CompiledPattern[] = []
  const diagnostics: Diagnostic[] = []
  for (const { pattern, effective, line, range } of written) {
    const compiled = compilePattern(effective)
    if (compiled.ok) {
      rules.push({ pattern, negate: compiled.value.negate, file, line, range })
      patterns.push(compiled.value)
    } else {
      diagnostics.push({ ...compiled.problem, severity: 'error', range })
    }
  }
  const evaluate = (path: string): Evaluation => evaluatePath(patterns, splitPath(path))
  return {
    rules,
    diagnostics,
    match: (path) => {
      const { ignored, decided } = evaluate(path)
      const rule = rules[decided]
      return rule === undefined ? { ignored } : { ignored, rule }
    },
    mayReinclude: (directory) => {
      const { matched } = evaluate(directory)
      const last = patterns.findLastIndex((pattern, index) => !pattern.negate && matched[index] === true)
      const path = splitPath(directory)
      return patterns.some(
        (pattern, i) => i > last && pattern.negate && pattern.alternatives.some((a) => canMatchBelow(a, path)),
      )
    },
    toPlan: () => ({
      patterns: patterns.flatMap(({ negate, alternatives }) =>
        alternatives.map((segments) => ({ negate, segments: toPlanSegments(segments) })),
      ),
    }),
    ruleOf: (index) => rules[patterns.flatMap(({ alternatives }, rule) => alternatives.map(() => rule))[index] ?? -1],
  }
}

interface Evaluation {
  readonly ignored: boolean
  readonly decided: number
  /** Per pattern: it matched this path or was found to match a directory above it. */
  readonly matched: readonly boolean[]
}

/**
 * Goes down the path as BuildKit's walk does. A pattern is looked at only when it could change the verdict, and what it
 * matched is inherited by everything below; so `!docs` after `**\/*.md` does not bring back `docs/a.md`.
 */
function evaluatePath(patterns: readonly CompiledPattern[], path: readonly string[]): Evaluation {
  let result: Evaluation = { ignored: false, decided: -1, matched: [] }
  for (let depth = 1; depth <= path.length; depth++) {
    const prefix = path.slice(0, depth)
    const matched: boolean[] = []
    let ignored = false
    let decided = -1
    for (const [index, { negate, alternatives }] of patterns.entries()) {
      const hit =
        result.matched[index] === true ||
        (negate === ignored && alternatives.some((segments) => matchSegments(segments, prefix)))
      matched.push(hit)
      if (!hit) continue
      ignored = !negate
      decided = index
    }
    result = { ignored, decided, matched }
  }
  return result
}

function splitPath(path: string): string[] {
  const cleaned = cleanPath(path).replace(/^\/+/, '')
  return cleaned === '.' || cleaned === '' ? [] : cleaned.split('/')
}
