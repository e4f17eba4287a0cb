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
