import type { Checked, Problem } from '../diagnostics.ts'
import type { ValuePattern } from './value-pattern.ts'
import { readValuePattern, replacePattern, trimPrefix, trimSuffix } from './value-pattern.ts'

const operators = [':-', '-', ':+', '+', ':?', '?', '#', '%'] as const
/** The operators that are followed by one word; `/` is followed by two. */
export type Operator = (typeof operators)[number]

/** What stands behind the name in `${name…}`. */
export type Modifier =
  | { readonly operator: Operator; readonly word: string }
  | { readonly operator: '/'; readonly pattern: string; readonly replacement: string; readonly all: boolean }

/** Leaves the lexer from any depth; `runLexer` turns it into data. */
export class ExpansionError extends Error {
  readonly problem: Problem

  constructor(message: string, rest: Omit<Problem, 'code' | 'message'> = {}) {
    super(message)
    this.problem = { code: 'EXPANSION_FAILED', message, ...rest }
  }
}

export function isOperator(text: string): text is Operator {
  return (operators as readonly string[]).includes(text)
}

/** Patterns cost their length times the value's; beyond this they are refused. */
const maxPatternWork = 2 ** 26

/** The value of `${name<modifier>}`, where `value` is undefined when the variable is not set. */
export function applyModifier(name: string, value: string | undefined, modifier: Modifier): string {
  switch (modifier.operator) {
    case '-':
      return value ?? modifier.word
    case ':-':
      return value === undefined || value === '' ? modifier.word : value
    case '+':
      return value === undefined ? '' : modifier.word
    case ':+':
      return value === undefined || value === '' ? '' : modifier.word
    case '?':
    case ':?':
      return required(name, value, modifier.operator, modifier.word)
    case '#':
    case '%': {
      const longest = modifier.word.startsWith(modifier.operator)
      const pattern = patternOf(longest ? modifier.word.slice(1) : modifier.word, value ?? '')
      return (modifier.operator === '#' ? trimPrefix : trimSuffix)(value ?? '', pattern, longest)
    }
    case '/':
      return replacePattern(value ?? '', patternOf(modifier.pattern, value ?? ''), modifier.replacement, modifier.all)
  }
}

function required(name: string, value: string | undefined, operator: '?' | ':?', word: string): string {
  const empty = operator === ':?' && value === ''
  if (value !== undefined && !empty) return value
  throw new ExpansionError(
    `variable "${name}" is required: ${word === '' ? (empty ? 'it is empty' : 'it is not set') : word}`,
    {
      hint: `Set it with "--build-arg ${name}=…" (an ARG) or with ENV`,
    },
  )
}

function patternOf(text: string, value: string): ValuePattern {
  if (text.length * value.length > maxPatternWork)
    throw new ExpansionError('pattern and value of a variable expression are too long together')
  const pattern: Checked<ValuePattern> = readValuePattern(text)
  if (pattern.ok) return pattern.value
  throw new ExpansionError(
    pattern.problem.message,
    pattern.problem.hint === undefined ? {} : { hint: pattern.problem.hint },
  )
}
