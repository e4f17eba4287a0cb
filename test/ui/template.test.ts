import { describe, expect, it } from 'vitest'
import type { TsbuildError } from '../../src/base/errors.ts'
import { compileTemplate } from '../../src/ui/template/template.ts'

const value = {
  ID: 'abc',
  Names: ['a', 'b'],
  State: { Running: true, Pid: 4, Error: '' },
  Config: { Labels: { foo: '1', 'com.x': '2' }, Env: ['A=1'], Volumes: {} },
  Size: 3,
  Label: (key: unknown) => `<${String(key)}>`,
}

/** What Go 1.26's text/template with docker's functions prints for the same value. */
const cases: readonly (readonly [template: string, want: string])[] = [
  ['{{.ID}}', 'abc'],
  ['{{ .ID }} {{"x"}}', 'abc x'],
  ['{{json .State}}', '{"Running":true,"Pid":4,"Error":""}'],
  ['{{range $i, $e := .Names}}{{if $i}},{{end}}{{$e}}{{end}}', 'a,b'],
  ['{{range .Names}}[{{.}}]{{else}}none{{end}}', '[a][b]'],
  ['{{range .Config.Volumes}}x{{else}}none{{end}}', 'none'],
  ['{{range $k, $v := .Config.Labels}}{{$k}}={{$v}};{{end}}', 'com.x=2;foo=1;'],
  ['{{range 3}}{{.}}{{end}}', '012'],
  ['{{range .Names}}{{.}}{{break}}{{end}}!', 'a!'],
  ['{{range .Names}}{{if eq . "a"}}{{continue}}{{end}}{{.}}{{end}}', 'b'],
  ['{{with .Config}}{{.Env}}{{end}}', '[A=1]'],
  ['{{with .State.Error}}{{.}}{{else}}fine{{end}}', 'fine'],
  ['{{with $x := .ID}}{{$x}}{{end}}', 'abc'],
  ['{{index .Config.Labels "com.x"}}', '2'],
  ['{{index .Names 1}}', 'b'],
  ['{{(index .Names 0)}}', 'a'],
  ['{{.Config.Labels.foo}} {{.Config.Labels.nope}}', '1 <no value>'],
  ['{{len .Names}} {{len .ID}} {{len .Config.Labels}}', '2 3 2'],
  ['{{if and (eq .Size 3) .State.Running}}yes{{else}}no{{end}}', 'yes'],
  ['{{if not .State.Running}}a{{else if eq .Size 3}}b{{else}}c{{end}}', 'b'],
  ['{{if or .State.Error .ID}}x{{end}}{{or .State.Error .ID}}{{and .ID .Size}}', 'xabc3'],
  ['{{or .ID (index .Names 9)}}', 'abc'],
  ['{{eq .ID "x" "abc"}} {{ne .Size 3}} {{lt 1 2}} {{ge "b" "a"}}', 'true false true true'],
  ['{{printf "%-5s|%05d|%q|%v|%t|%x" .ID .Size .ID .Names .State.Running 255}}', 'abc  |00003|"abc"|[a b]|true|ff'],
  ['{{printf "%.2f %5.1f%% %T" 1.0 2.26 .ID}}', '1.00   2.3% string'],
  ['{{printf "%d" .ID}} {{printf "%s"}}', '%!d(string=abc) %!s(MISSING)'],
  ['{{print .Size .Size "x" "y"}}|{{println .ID .Size}}', '3 3x y|abc 3\n'.replace('x y', 'xy')],
  ['{{.ID | printf "%s-%s" "x"}}', 'x-abc'],
  ['{{upper .ID}} {{lower "X"}} {{title "ab cd"}} {{truncate .ID 2}} [{{pad .ID 1 2}}]', 'ABC x Ab Cd ab [ abc  ]'],
  ['{{join .Names "/"}} {{split "a,b" ","}}', 'a/b [a b]'],
  ['{{.Label "k"}} {{.Label "a" | upper}}', '<k> <A>'],
  ['{{.State}} {{.Names}}', 'map[Error: Pid:4 Running:true] [a b]'],
  ['a {{- " b " -}} c{{/* note */}}{{- /* note */ -}} d', 'a b cd'],
  ['{{$x := 1}}{{range .Names}}{{$x = .}}{{end}}{{$x}} {{$.ID}}', 'b abc'],
  ['{{define "T"}}({{.}}){{end}}{{template "T" .ID}}{{block "B" .Size}}<{{.}}>{{end}}', '(abc)<3>'],
  ['{{`raw "x"`}} {{"\\t\\u00e9"}} {{\'a\'}} {{true}} {{0x10}}', 'raw "x" \té 97 true 16'],
  ['{{slice .ID 1}} {{slice .ID 0 2}}', 'bc ab'],
  ['{{html "<a&b>"}} {{urlquery "a b&c"}}', '&lt;a&amp;b&gt; a+b%26c'],
]

describe('printf', () => {
  it.for([
    ['%U %c %b %o %q', '65 65 5 8 65', "U+0041 A 101 10 'A'"],
    ['% d|%+d|%#x|%5.1f', '5 5 255 1.25', ' 5|+5|0xff|  1.3'],
    ['%q|%c', '1 -1', "'\\x01'|\uFFFD"],
    ['%9999999d|%*d', '1 2000000 3', '%!(BADWIDTH)1|%!(BADWIDTH)3'],
    ['%.101f', '1.5', '%!(BADPREC)1.500000'],
  ] as const)('%s', ([format, args, want]) => {
    expect(compileTemplate(`{{printf "${format}" ${args}}}`).render({})).toBe(want)
  })
})

describe('templates', () => {
  it.for(cases)('%s', ([template, want]) => {
    expect(compileTemplate(template).render(value)).toBe(want)
  })
})

function failureOf(template: string): TsbuildError {
  try {
    compileTemplate(template).render(value)
  } catch (error) {
    return error as TsbuildError
  }
  throw new Error(`${template} was accepted`)
}

describe('mistakes', () => {
  it.for([
    ['{{.ID', 'the action is not closed by "}}" at character 1'],
    ['{{range .Names}}x', '"range" is not closed by {{end}}'],
    ['{{end}}', '"end" without a beginning'],
    ['{{if .ID}}a{{else}}b{{else}}c{{end}}', '"if" is not closed by {{end}}'],
    ['{{.ID }} {{ ! }}', 'unexpected "!" at character 13'],
    ['{{(index .Names 0}}', '")" is missing'],
    ['{{"\\q"}}', 'unknown escape "\\q"'],
    ['{{jsn .}}', 'there is no function "jsn"; did you mean js or json at character 3'],
    ['{{.Nam}}', 'there is no field ".Nam"; did you mean .Names'],
    ['{{.State.Statsu}}', 'there is no field ".Statsu"; there are .Running, .Pid, .Error'],
    ['{{.ID.X}}', '".X" is asked of abc, which has no fields'],
    ['{{.Config.Labels.nope.x}}', '".x" is asked of something that is absent'],
    ['{{index .Names 5}}', 'index 5 is out of range: there are 2'],
    ['{{$y}}', 'there is no variable $y'],
    ['{{template "none"}}', 'there is no template "none"'],
    ['{{.ID .Size}}', 'only functions and methods take arguments'],
    ['{{range .ID}}{{end}}', 'cannot range over abc'],
    ['{{len .Size}}', 'len of 3'],
    ['{{lt .ID 1}}', 'lt needs two numbers or two texts, got abc and 1'],
  ] as const)('%s', ([template, what]) => {
    const error = failureOf(template)
    expect(error.code).toBe('TEMPLATE_INVALID')
    expect(error.message).toContain(what)
  })
})

describe('templates of strangers', () => {
  const nested = (open: string, inner: string, close: string): string => open.repeat(5000) + inner + close.repeat(5000)

  it.for([
    ['{{define "a"}}{{template "a"}}{{end}}{{template "a"}}', 'it calls itself more than 200 deep'],
    ['{{range 1000000000}}x{{end}}', 'it takes more than 2000000 steps'],
    ['{{range 3000}}{{range 3000}}{{end}}{{end}}', 'it takes more than 2000000 steps'],
    ['{{$x := "aaaaaaaa"}}{{range 40}}{{$x = print $x $x}}{{end}}', 'print gives more than 67108864 characters'],
    ['{{$x := "aaaaaaaa"}}{{range 22}}{{$x = print $x $x}}{{end}}{{range 9}}{{$x}}{{end}}', 'it gives more than'],
    ['{{pad .ID 999999999 0}}', 'pad by 999999999'],
    ['{{pad .ID "x" 0}}', 'pad by x'],
    [nested('{{if .ID}}', 'x', '{{end}}'), 'it is nested more than 200 deep'],
    [`{{${nested('(', '.ID', ')')}}}`, 'it is nested more than 200 deep'],
    ['{{.ID.constructor}}', '".constructor" is asked of abc'],
    ['{{call .ID}}', 'call of something that is no function'],
    ['{{constructor .ID}}', 'there is no function "constructor"'],
  ] as const)('%s', ([template, what]) => {
    const error = failureOf(template)
    expect(error.code).toBe('TEMPLATE_INVALID')
    expect(error.message.slice(-400)).toContain(what)
  })

  it('see nothing but the value', () => {
    for (const name of ['constructor', '__proto__', 'toString', 'hasOwnProperty'])
      expect(compileTemplate(`{{index .Config.Labels "${name}"}}{{.Config.Labels.${name}}}`).render(value)).toBe(
        '<no value><no value>',
      )
  })

  it('end, with a text or a mistake, whatever they are', () => {
    const pieces =
      '{{ }} {{- -}} . .ID .Names .Size $ $x := = | , ( ) " ` \' \\ range if with else end define block template break continue ' +
      '"a" 1 -1 1e9 nil true index len slice printf "%*d" print json split join pad truncate eq and not /* */ x'
    const words = pieces.split(' ')
    let seed = 7
    const random = (below: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
      return Math.floor((seed / 2_147_483_648) * below)
    }
    let rendered = 0
    for (let round = 0; round < 5000; round += 1) {
      const body = Array.from({ length: 1 + random(8) }, () => words[random(words.length)]).join(
        random(2) === 0 ? ' ' : '',
      )
      const template = random(3) === 0 ? body : `{{${body}}}`
      try {
        compileTemplate(template).render(value)
        rendered += 1
      } catch (error) {
        expect({ template, code: (error as TsbuildError).code }).toEqual({ template, code: 'TEMPLATE_INVALID' })
      }
    }
    expect(rendered).toBeGreaterThan(500)
  })
})
