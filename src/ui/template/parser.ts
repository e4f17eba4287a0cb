import type { TsbuildError } from '../../base/errors.ts'
import { templateError, tokenize } from './lexer.ts'
import type { Token } from './lexer.ts'

export type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'action'; readonly pipe: Pipe }
  | { readonly kind: 'if' | 'with'; readonly pipe: Pipe; readonly body: Block; readonly otherwise: Block }
  | { readonly kind: 'range'; readonly pipe: Pipe; readonly body: Block; readonly otherwise: Block }
  | { readonly kind: 'template'; readonly name: string; readonly pipe: Pipe | null }
  | { readonly kind: 'break' | 'continue' }

export type Block = readonly Node[]

/** `$i, $e := a | b c`. */
export interface Pipe {
  readonly variables: readonly string[]
  /** `=` sets variables that exist, `:=` makes new ones. */
  readonly assigns: boolean
  readonly commands: readonly Command[]
}

/** The first operand is the function or value, the rest are its arguments. */
export type Command = readonly Operand[]

/** A base and the fields asked of it: `.A.B`, `$x.A`, `(index .A 0).B`. */
export interface Operand {
  readonly base:
    | { readonly kind: 'dot' | 'nil' }
    | { readonly kind: 'variable' | 'function'; readonly name: string }
    | { readonly kind: 'literal'; readonly value: string | number | boolean }
    | { readonly kind: 'pipe'; readonly pipe: Pipe }
  readonly fields: readonly string[]
  readonly at: number
}

export interface ParsedTemplate {
  readonly source: string
  readonly body: Block
  /** `{{define "name"}}` and `{{block "name" …}}`. */
  readonly defined: ReadonlyMap<string, Block>
}

/** Blocks and brackets inside of each other; people's templates have a few. */
export const maxTemplateDepth = 200

/** Parses Go's text/template. Throws TEMPLATE_INVALID with the place. */
export function parseTemplate(source: string): ParsedTemplate {
  const parser = createParser(source, tokenize(source))
  return { source, body: parser.parseAll(), defined: parser.defined }
}

function createParser(
  source: string,
  tokens: readonly Token[],
): { parseAll(): Block; readonly defined: ReadonlyMap<string, Block> } {
  const defined = new Map<string, Block>()
  let next = 0
  let depth = 0

  function fail(what: string): TsbuildError {
    const token = tokens[Math.min(next, tokens.length - 1)]
    return templateError(source, token !== undefined && 'at' in token ? token.at : source.length, what)
  }

  function nested<Result>(read: () => Result): Result {
    depth += 1
    if (depth > maxTemplateDepth) throw fail(`it is nested more than ${maxTemplateDepth} deep`)
    const result = read()
    depth -= 1
    return result
  }

  function parseAll(): Block {
    const { block, ended } = parseBlock()
    if (ended !== undefined) throw fail(`"${ended}" without a beginning`)
    return block
  }

  /** Up to `{{end}}` or `{{else …}}`; the word's action is left open after the word. */
  function parseBlock(): { readonly block: Block; readonly ended: 'end' | 'else' | undefined } {
    const block: Node[] = []
    while (next < tokens.length) {
      const token = tokens[next]!
      if (token.kind === 'text') {
        block.push({ kind: 'text', text: token.text })
        next += 1
        continue
      }
      next += 1 // the opening braces
      const word = wordAt(next)
      if (word === 'end' || word === 'else') {
        next += 1
        return { block, ended: word }
      }
      const node = parseAction(word)
      if (node !== undefined) block.push(node)
    }
    return { block, ended: undefined }
  }

  function parseAction(word: string | undefined): Node | undefined {
    switch (word) {
      case 'if':
      case 'with':
      case 'range':
        next += 1
        return nested(() => parseControl(word))
      case 'define':
        next += 1
        defined.set(
          takeString(),
          nested(() => parseBody('define')),
        )
        return undefined
      case 'block':
      case 'template': {
        next += 1
        const name = takeString()
        const pipe = tokens[next]?.kind === 'close' ? null : parsePipe()
        if (word === 'block')
          defined.set(
            name,
            nested(() => parseBody('block')),
          )
        else takeClose()
        return { kind: 'template', name, pipe }
      }
      case 'break':
      case 'continue':
        next += 1
        takeClose()
        return { kind: word }
      default: {
        const pipe = parsePipe()
        takeClose()
        return { kind: 'action', pipe }
      }
    }
  }

  function parseControl(kind: 'if' | 'with' | 'range'): Node {
    const pipe = parsePipe()
    takeClose()
    const { block: body, ended } = parseBlock()
    if (ended === undefined) throw fail(`"${kind}" is not closed by {{end}}`)
    if (ended === 'end') {
      takeClose()
      return { kind, pipe, body, otherwise: [] }
    }
    const chained = wordAt(next)
    if (chained === 'if' || chained === 'with') {
      next += 1
      return { kind, pipe, body, otherwise: [nested(() => parseControl(chained))] }
    }
    return { kind, pipe, body, otherwise: parseBody(kind) }
  }

  function parseBody(kind: string): Block {
    takeClose()
    const { block, ended } = parseBlock()
    if (ended !== 'end') throw fail(`"${kind}" is not closed by {{end}}`)
    takeClose()
    return block
  }

  function parsePipe(): Pipe {
    const { variables, assigns } = parseVariables()
    const commands = [parseCommand()]
    while (isSymbol('|')) {
      next += 1
      commands.push(parseCommand())
    }
    return { variables, assigns, commands }
  }

  function parseVariables(): Pick<Pipe, 'variables' | 'assigns'> {
    const start = next
    const variables: string[] = []
    for (let token = tokens[next]; token?.kind === 'variable'; token = tokens[next]) {
      variables.push(token.text)
      next += 1
      if (!isSymbol(',')) break
      next += 1
    }
    if (variables.length > 0 && (isSymbol(':=') || isSymbol('='))) {
      const assigns = isSymbol('=')
      next += 1
      return { variables, assigns }
    }
    next = start
    return { variables: [], assigns: false }
  }

  function parseCommand(): Command {
    const operands = [parseOperand()]
    while (tokens[next] !== undefined && tokens[next]!.kind !== 'close' && !isSymbol('|') && !isSymbol(')')) {
      operands.push(parseOperand())
    }
    return operands
  }

  function parseOperand(): Operand {
    const token = tokens[next]
    if (token === undefined || token.kind === 'close' || token.kind === 'open' || token.kind === 'text') {
      throw fail('a value is missing')
    }
    next += 1
    const { at } = token
    switch (token.kind) {
      case 'literal':
        return { base: { kind: 'literal', value: token.value }, fields: [], at }
      case 'field':
        return { base: { kind: 'dot' }, fields: [token.text, ...parseChain()], at }
      case 'variable':
        return { base: { kind: 'variable', name: token.text }, fields: parseChain(), at }
      case 'name':
        if (token.text === 'true' || token.text === 'false') {
          return { base: { kind: 'literal', value: token.text === 'true' }, fields: [], at }
        }
        if (token.text === 'nil') return { base: { kind: 'nil' }, fields: [], at }
        return { base: { kind: 'function', name: token.text }, fields: [], at }
      case 'symbol': {
        if (token.text === '.') return { base: { kind: 'dot' }, fields: [], at }
        if (token.text !== '(') {
          next -= 1
          throw fail(`unexpected "${token.text}"`)
        }
        const pipe = nested(parsePipe)
        if (!isSymbol(')')) throw fail('")" is missing')
        next += 1
        return { base: { kind: 'pipe', pipe }, fields: parseChain(), at }
      }
    }
  }

  function parseChain(): readonly string[] {
    const fields: string[] = []
    for (let token = tokens[next]; token?.kind === 'field' && !token.spaced; token = tokens[next]) {
      fields.push(token.text)
      next += 1
    }
    return fields
  }

  function wordAt(index: number): string | undefined {
    const token = tokens[index]
    return token?.kind === 'name' ? token.text : undefined
  }

  function isSymbol(text: string): boolean {
    const token = tokens[next]
    return token?.kind === 'symbol' && token.text === text
  }

  function takeString(): string {
    const token = tokens[next]
    if (token?.kind !== 'literal' || typeof token.value !== 'string') throw fail('a quoted name is missing')
    next += 1
    return token.value
  }

  function takeClose(): void {
    const token = tokens[next]
    if (token?.kind !== 'close') throw fail('the action goes on where it should end')
    next += 1
  }

  return { parseAll, defined }
}
