import { TsbuildError } from '../../base/errors.ts'
import { nearest } from '../../base/nearest.ts'
import { isTrue, TemplateFault, templateFunctions } from './functions.ts'
import type { TemplateFunctions } from './functions.ts'
import { goPrint } from './go-print.ts'
import type { Value } from './go-print.ts'
import { templateError } from './lexer.ts'
import { maxTemplateDepth, parseTemplate } from './parser.ts'
import type { Block, Command, Node, Operand, ParsedTemplate, Pipe } from './parser.ts'

/** A compiled Go template. `render` throws TEMPLATE_INVALID when the template asks for what the value does not have. */
export interface Template {
  readonly source: string
  render(value: Value): string
}

/**
 * Reads a Go template as docker's `--format` takes it. `functions` come before those of every template. Throws TEMPLATE_INVALID with
 * the place of the fault.
 */
export function compileTemplate(source: string, functions: TemplateFunctions = {}): Template {
  const parsed = parseTemplate(source)
  return {
    source,
    render(value) {
      const out: string[] = []
      const budget = { steps: maxSteps, characters: maxCharacters, depth: maxTemplateDepth }
      runBlock({ parsed, out, functions: { ...templateFunctions, ...functions }, budget }, parsed.body, {
        dot: value,
        variables: new Map([['$', { value }]]),
      })
      return out.join('')
    },
  }
}

interface Run {
  readonly parsed: ParsedTemplate
  readonly out: string[]
  readonly functions: TemplateFunctions
  /** What is left of the limits. */
  readonly budget: { steps: number; characters: number; depth: number }
}

/** A template may come from a stranger's file: it ends, and does not fill the memory. Real ones stay far below. */
const maxSteps = 2_000_000
const maxCharacters = 64 * 1024 * 1024

function step(run: Run): void {
  run.budget.steps -= 1
  if (run.budget.steps < 0) throw fault(run, 0, `it takes more than ${maxSteps} steps`)
}

function write(run: Run, text: string): void {
  run.budget.characters -= text.length
  if (run.budget.characters < 0) throw fault(run, 0, `it gives more than ${maxCharacters} characters`)
  run.out.push(text)
}

function deeper<Result>(run: Run, body: () => Result): Result {
  run.budget.depth -= 1
  if (run.budget.depth < 0) throw fault(run, 0, `it calls itself more than ${maxTemplateDepth} deep`)
  const result = body()
  run.budget.depth += 1
  return result
}

interface Scope {
  readonly dot: Value
  /** Boxes, so that `=` inside a block changes the variable outside of it. */
  readonly variables: ReadonlyMap<string, { value: Value }>
}

/** How a block ended: a loop must stop or go on. */
type Exit = 'break' | 'continue' | undefined

function runBlock(run: Run, block: Block, outer: Scope): Exit {
  let scope = outer
  for (const node of block) {
    step(run)
    if (node.kind === 'action') scope = runAction(run, node.pipe, scope)
    else {
      const exit = runNode(run, node, scope)
      if (exit !== undefined) return exit
    }
  }
  return undefined
}

function runAction(run: Run, pipe: Pipe, scope: Scope): Scope {
  const value = evaluatePipe(run, pipe, scope)
  if (pipe.variables.length > 0) return bind(run, pipe, scope, [value])
  write(run, goPrint(value))
  return scope
}

function runNode(run: Run, node: Exclude<Node, { kind: 'action' }>, scope: Scope): Exit {
  switch (node.kind) {
    case 'text':
      write(run, node.text)
      return undefined
    case 'break':
    case 'continue':
      return node.kind
    case 'template': {
      const block = run.parsed.defined.get(node.name)
      if (block === undefined) throw fault(run, 0, `there is no template "${node.name}"`)
      const dot = node.pipe === null ? undefined : evaluatePipe(run, node.pipe, scope)
      deeper(run, () => runBlock(run, block, { dot, variables: new Map([['$', { value: dot }]]) }))
      return undefined
    }
    case 'if':
    case 'with': {
      const value = evaluatePipe(run, node.pipe, scope)
      const inner = node.pipe.variables.length > 0 ? bind(run, node.pipe, scope, [value]) : scope
      if (!isTrue(value)) return runBlock(run, node.otherwise, inner)
      return runBlock(run, node.body, node.kind === 'with' ? { ...inner, dot: value } : inner)
    }
    case 'range':
      return runRange(run, node, scope)
  }
}

function runRange(run: Run, node: Extract<Node, { kind: 'range' }>, scope: Scope): Exit {
  const value = evaluatePipe(run, node.pipe, scope)
  let empty = true
  for (const [key, item] of entriesOf(run, node.pipe, value)) {
    empty = false
    step(run)
    const bound = node.pipe.variables.length === 1 ? [item] : [key, item]
    const inner = node.pipe.variables.length > 0 ? bind(run, node.pipe, scope, bound) : scope
    if (runBlock(run, node.body, { ...inner, dot: item }) === 'break') break
  }
  return empty ? runBlock(run, node.otherwise, scope) : undefined
}

/** Keys of objects come sorted, as Go walks maps. */
function* entriesOf(run: Run, pipe: Pipe, value: Value): Generator<readonly [Value, Value]> {
  if (value === undefined || value === null) return
  if (Array.isArray(value)) return yield* value.entries()
  if (typeof value === 'number') {
    for (let index = 0; index < value; index += 1) yield [index, index]
    return
  }
  if (typeof value !== 'object') throw fault(run, pipe.commands[0]![0]!.at, `cannot range over ${goPrint(value)}`)
  yield* Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
}

function bind(run: Run, pipe: Pipe, scope: Scope, values: readonly Value[]): Scope {
  if (pipe.assigns) {
    for (const [index, name] of pipe.variables.entries()) variable(run, scope, name, 0).value = values[index]
    return scope
  }
  const fresh = pipe.variables.map((name, index) => [name, { value: values[index] }] as const)
  return { ...scope, variables: new Map([...scope.variables, ...fresh]) }
}

function variable(run: Run, scope: Scope, name: string, at: number): { value: Value } {
  const box = scope.variables.get(name)
  if (box === undefined) throw fault(run, at, `there is no variable ${name}`)
  return box
}

function evaluatePipe(run: Run, pipe: Pipe, scope: Scope): Value {
  const [first, ...rest] = pipe.commands
  return rest.reduce<Value>(
    (value, command) => evaluateCommand(run, command, scope, [value]),
    evaluateCommand(run, first!, scope, []),
  )
}

/** `piped` holds the value of the command before it, which comes as the last argument. */
function evaluateCommand(run: Run, command: Command, scope: Scope, piped: readonly Value[]): Value {
  const [head, ...operands] = command
  const { base, fields, at } = head!
  if (base.kind === 'function') {
    const lazy =
      base.name === 'and' || base.name === 'or' ? shortCircuit(run, base.name, operands, scope, piped) : undefined
    if (lazy !== undefined) return lazy.value
    const args = [...operands.map((operand) => evaluateOperand(run, operand, scope)), ...piped]
    return callFunction(run, base.name, args, at)
  }
  if (operands.length === 0 && piped.length === 0) return evaluateOperand(run, head!, scope)
  const method = fields.length === 0 ? undefined : evaluateOperand(run, head!, scope)
  if (typeof method !== 'function') throw fault(run, at, 'only functions and methods take arguments')
  return method(...operands.map((operand) => evaluateOperand(run, operand, scope)), ...piped) as Value
}

/** `and` and `or` stop at the operand that decides. */
function shortCircuit(
  run: Run,
  name: 'and' | 'or',
  operands: readonly Operand[],
  scope: Scope,
  piped: readonly Value[],
): { readonly value: Value } {
  let value: Value
  for (const operand of operands) {
    value = evaluateOperand(run, operand, scope)
    if (isTrue(value) === (name === 'or')) return { value }
  }
  return { value: piped.length > 0 ? piped[0] : value }
}

function callFunction(run: Run, name: string, args: readonly Value[], at: number): Value {
  const callee = Object.hasOwn(run.functions, name) ? run.functions[name]! : undefined
  if (callee === undefined) {
    const near = nearest(name, Object.keys(run.functions))
    const hint = near.length > 0 ? `; did you mean ${near.join(' or ')}` : ''
    throw templateError(run.parsed.source, at, `there is no function "${name}"${hint}`)
  }
  try {
    step(run)
    const result = callee(...args)
    if (typeof result !== 'string' || result.length <= maxCharacters) return result
    throw new TemplateFault(`${name} gives more than ${maxCharacters} characters`)
  } catch (error) {
    if (error instanceof TemplateFault) throw fault(run, at, error.message)
    throw error
  }
}

function evaluateOperand(run: Run, operand: Operand, scope: Scope): Value {
  const { base, fields, at } = operand
  switch (base.kind) {
    case 'literal':
      return base.value
    case 'nil':
      return undefined
    case 'function':
      return callFunction(run, base.name, [], at)
    case 'dot':
      return follow(run, scope.dot, fields, at)
    case 'variable':
      return follow(run, variable(run, scope, base.name, at).value, fields, at)
    case 'pipe':
      return follow(run, evaluatePipe(run, base.pipe, scope), fields, at)
  }
}

function follow(run: Run, start: Value, fields: readonly string[], at: number): Value {
  return fields.reduce((value, field, index) => {
    const next = fieldOf(run, value, field, at)
    const isCall = typeof next === 'function' && next.length === 0 && index < fields.length
    return isCall ? (next() as Value) : next
  }, start)
}

/**
 * A field that a document does not have is an error that names the nearest; a key that a map does not have is no value. Documents are
 * told from maps (labels, networks) by their members' names, which all begin with a capital.
 */
function fieldOf(run: Run, value: Value, field: string, at: number): Value {
  if (value === undefined || value === null) throw fault(run, at, `".${field}" is asked of something that is absent`)
  if (typeof value !== 'object') throw fault(run, at, `".${field}" is asked of ${goPrint(value)}, which has no fields`)
  if (Object.hasOwn(value, field)) return (value as Readonly<Record<string, Value>>)[field]
  const names = Object.keys(value)
  if (names.length === 0 || names.some((name) => !/^\p{Lu}/u.test(name))) return undefined
  const near = nearest(field, names)
  const hint = near.length > 0 ? `did you mean .${near.join(' or .')}` : `there are .${names.join(', .')}`
  throw fault(run, at, `there is no field ".${field}"; ${hint}`)
}

function fault(run: Run, at: number, what: string): TsbuildError {
  return new TsbuildError('TEMPLATE_INVALID', `Cannot fill the template "${run.parsed.source}": ${what}`, {
    details: { character: at + 1 },
  })
}
