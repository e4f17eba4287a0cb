import { TsbuildError } from '../../base/errors.ts'

/** A piece of a Go template. `spaced`: white space stands before it, which separates arguments (`.A .B`) from chains (`.A.B`). */
export type Token =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'open' }
  | { readonly kind: 'close' }
  | {
      readonly kind: 'name' | 'field' | 'variable' | 'symbol'
      readonly text: string
      readonly spaced: boolean
      readonly at: number
    }
  | { readonly kind: 'literal'; readonly value: string | number; readonly spaced: boolean; readonly at: number }

const pieces: readonly (readonly [
  'name' | 'field' | 'variable' | 'symbol' | 'number' | 'string' | 'raw' | 'character',
  RegExp,
])[] = [
  ['field', /\.[\p{L}_][\p{L}\p{N}_]*/uy],
  ['number', /[+-]?(?:0[xX][0-9a-fA-F]+|(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)/uy],
  ['variable', /\$[\p{L}\p{N}_]*/uy],
  ['name', /[\p{L}_][\p{L}\p{N}_]*/uy],
  ['string', /"(?:[^"\\\n]|\\.)*"/uy],
  ['raw', /`[^`]*`/uy],
  ['character', /'(?:[^'\\\n]|\\.)'/uy],
  ['symbol', /:=|[=|(),.]/uy],
]

/** Splits a template by the grammar of Go's text/template; comments vanish and `{{-`/`-}}` trim. Throws TEMPLATE_INVALID. */
export function tokenize(source: string): readonly Token[] {
  const tokens: Token[] = []
  let rest = 0
  let trimNext = false
  while (rest < source.length) {
    const start = source.indexOf('{{', rest)
    const end = start === -1 ? source.length : start
    const trimsBefore = start !== -1 && /^\{\{-\s/.test(source.slice(start, start + 4))
    let text = source.slice(rest, end)
    if (trimNext) text = text.trimStart()
    if (trimsBefore) text = text.trimEnd()
    if (text !== '') tokens.push({ kind: 'text', text })
    if (start === -1) break
    const action = readAction(source, start + (trimsBefore ? 3 : 2), start)
    tokens.push(...action.tokens)
    rest = action.end
    trimNext = action.trims
  }
  return tokens
}

interface ActionTokens {
  readonly tokens: readonly Token[]
  readonly end: number
  readonly trims: boolean
}

function readAction(source: string, from: number, start: number): ActionTokens {
  const comment = /\s*\/\*[^]*?\*\/(\s-)?\}\}/y
  comment.lastIndex = from
  const match = comment.exec(source)
  if (match !== null) return { tokens: [], end: comment.lastIndex, trims: match[1] !== undefined }
  const tokens: Token[] = [{ kind: 'open' }]
  for (let at = from; at < source.length;) {
    const space = /\s*/y
    space.lastIndex = at
    space.exec(source)
    const spaced = space.lastIndex > at
    at = space.lastIndex
    if (source.startsWith('}}', at)) return { tokens: [...tokens, { kind: 'close' }], end: at + 2, trims: false }
    if (spaced && source.startsWith('-}}', at))
      return { tokens: [...tokens, { kind: 'close' }], end: at + 3, trims: true }
    const { token, end } = readPiece(source, at, spaced)
    tokens.push(token)
    at = end
  }
  throw templateError(source, start, 'the action is not closed by "}}"')
}

function readPiece(source: string, at: number, spaced: boolean): { readonly token: Token; readonly end: number } {
  for (const [kind, pattern] of pieces) {
    pattern.lastIndex = at
    const text = pattern.exec(source)?.[0]
    if (text === undefined) continue
    const end = at + text.length
    switch (kind) {
      case 'field':
        return { token: { kind, text: text.slice(1), spaced, at }, end }
      case 'number':
        return { token: { kind: 'literal', value: Number(text), spaced, at }, end }
      case 'string':
        return { token: { kind: 'literal', value: unquote(source, at, text), spaced, at }, end }
      case 'raw':
        return { token: { kind: 'literal', value: text.slice(1, -1), spaced, at }, end }
      case 'character':
        return { token: { kind: 'literal', value: unquote(source, at, text).codePointAt(0)!, spaced, at }, end }
      case 'name':
      case 'variable':
      case 'symbol':
        return { token: { kind, text, spaced, at }, end }
    }
  }
  throw templateError(source, at, `unexpected "${String.fromCodePoint(source.codePointAt(at)!)}"`)
}

const escapes: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  "'": "'",
  '"': '"',
}

/** Go's escapes of interpreted strings. */
function unquote(source: string, at: number, quoted: string): string {
  return quoted
    .slice(1, -1)
    .replace(/\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)/gu, (whole, body: string) => {
      if (/^[xuU]./.test(body)) return String.fromCodePoint(Number.parseInt(body.slice(1), 16))
      if (/^[0-7]{3}$/.test(body)) return String.fromCodePoint(Number.parseInt(body, 8))
      const plain = escapes[body]
      if (plain === undefined) throw templateError(source, at, `unknown escape "${whole}"`)
      return plain
    })
}

export function templateError(source: string, at: number, what: string): TsbuildError {
  return new TsbuildError('TEMPLATE_INVALID', `Cannot read the template "${source}": ${what} at character ${at + 1}`, {
    hint: "Templates are those of Go: --format '{{.Name}}', --format 'table {{.ID}}\\t{{.Names}}', --format json",
  })
}
