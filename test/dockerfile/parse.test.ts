import {
  flagTable,
  heredocContent,
  instructionNames,
  matchesSyntaxDirective,
  parseDockerfile,
  syntaxVersion,
} from '@dockerfile/parser'
import type { Instruction, InstructionKind } from '@dockerfile/parser'
import { describe, expect, it } from 'vitest'
import { at } from './helpers/show.ts'

describe('parseDockerfile', () => {
  it('reports all independent problems of a file, in source order', () => {
    const { diagnostics } = parseDockerfile('FROM a\nCOPY x\nENV A\nRNU x\nRUN --mont=x --network=nope y\n')
    expect(diagnostics.map(({ code, range }) => `${range.start.line} ${code}`)).toEqual([
      '2 ARGUMENTS_INVALID',
      '3 ARGUMENTS_INVALID',
      '4 INSTRUCTION_UNKNOWN',
      '5 FLAG_UNKNOWN',
      '5 FLAG_INVALID',
    ])
  })

  it('gives places in the source for words behind continuations and comments', () => {
    const source = 'FROM a\nCOPY one \\\n  # not me\n\n  two \\\n  three\n'
    const copy = only(source, 'copy')
    const places = [
      ...copy.sources.map((entry) => (entry.kind === 'path' ? entry.path : copy.destination)),
      copy.destination,
    ]
    expect(places.map(({ text, range }) => `${text} ${at(range)}`)).toEqual([
      'one 2:6-2:9',
      'two 5:3-5:6',
      'three 6:3-6:8',
    ])
    expect(copy.emptyLines.map(at)).toEqual(['4:1-4:1'])
    expect(copy.code).toBe('COPY one   two   three')
  })

  it('covers a word that a continuation cuts in two', () => {
    const { path } = only('FROM a\nWORKDIR /lo\\\nng\n', 'workdir')
    expect([path.text, at(path.range)]).toEqual(['/long', '2:9-3:3'])
  })

  it('keeps comments in front of an instruction until an empty comment', () => {
    const { comments } = only('FROM a\n# gone\n#\n# one\n\n# two\nRUN x\n', 'run')
    expect(comments.map(({ text, range }) => `${text} ${at(range)}`)).toEqual(['one 4:1-4:6', 'two 6:1-6:6'])
  })

  it('does not put what follows an unreadable FROM into the stage before', () => {
    const { stages } = parseDockerfile('FROM a\nRUN one\nFROM b c\nRUN two\nFROM d\nRUN three\n')
    expect(stages.map(({ from, instructions }) => [from.image.text, instructions.length])).toEqual([
      ['a', 1],
      ['d', 1],
    ])
  })

  it('finds the place of a flag value behind quotes', () => {
    const { chown } = only(`FROM a\nCOPY --chown="u ser":g x y\n`, 'copy')
    expect([chown?.text, chown && at(chown.range)]).toEqual(['u ser:g', '2:15-2:23'])
  })

  it('finds the place of a mount key inside a quoted CSV field', () => {
    const [mount] = only(`FROM a\nRUN --mount='type=bind,"source=a,b",target=/x' y\n`, 'run').mounts
    expect(mount?.fields.map(({ key, value, range }) => `${key}=${value?.text} ${at(range)}`)).toEqual([
      'type=bind 2:14-2:23',
      'source=a,b 2:24-2:36',
      'target=/x 2:37-2:46',
    ])
  })

  it('takes the default escape character after a "#!" line, and the syntax all the same', () => {
    const { directives } = parseDockerfile('#!/x\n# syntax=docker/dockerfile:1\n# escape=`\nFROM a\n')
    expect([directives.syntax?.value, directives.escape, directives.all]).toEqual(['docker/dockerfile:1', '\\', []])
  })

  it.for([
    ['// syntax=example.com/x\nFROM a\n', 'example.com/x'],
    ['{"syntax": "example.com/y"}', 'example.com/y'],
    ['\uFEFF# syntax = a b\nFROM a\n', 'a'],
    ['# check=skip=all\n# syntax=z\nFROM a\n', 'z'],
    [' # syntax=indented\nFROM a\n', undefined],
    ['# comment\n# syntax=late\nFROM a\n', undefined],
    ['FROM a\n# syntax=late\n', undefined],
  ] as const)('finds the syntax of %j', ([source, syntax]) => {
    expect(parseDockerfile(source).directives.syntax?.value).toBe(syntax)
  })

  it('warns about an ONBUILD trigger that can never run, and does not reject it', () => {
    const { diagnostics, instructions } = parseDockerfile('FROM a\nONBUILD COPY x\nONBUILD NOPE\n')
    expect(diagnostics.map(({ severity, code, range }) => `${severity} ${code} ${at(range)}`)).toEqual([
      'warning ARGUMENTS_INVALID 2:14-2:15',
      'warning INSTRUCTION_UNKNOWN 3:9-3:13',
    ])
    expect(instructions.map(({ kind }) => kind)).toEqual(['from', 'onbuild', 'onbuild'])
  })

  it('warns about a flag that BuildKit takes without a look', () => {
    const { diagnostics } = parseDockerfile('FROM a\nARG --x A\nSTOPSIGNAL --x 9\nHEALTHCHECK --x NONE\n')
    expect(diagnostics.map(({ severity, code, range }) => `${severity} ${code} ${at(range)}`)).toEqual([
      'warning FLAG_IGNORED 2:5-2:8',
      'warning FLAG_IGNORED 3:12-3:15',
      'warning FLAG_IGNORED 4:13-4:16',
    ])
  })

  it('keeps bytes that are not UTF-8 and warns', () => {
    const { diagnostics, instructions } = parseDockerfile(Buffer.from('FROM a\nENV A=\xff\n', 'latin1'))
    expect(diagnostics).toMatchObject([
      { code: 'FILE_NOT_UTF8', severity: 'warning', range: { start: { line: 2, column: 7 } } },
    ])
    expect(instructions).toHaveLength(2)
  })

  it("takes lines longer than BuildKit's 64 KiB", () => {
    const { diagnostics } = parseDockerfile(`FROM a\nENV A=${'x'.repeat(70_000)}\n`)
    expect(diagnostics).toEqual([])
  })

  it('takes non-ASCII flag values whole', () => {
    expect(only('FROM a\nCOPY --chown=jürgen:größe x y\n', 'copy').chown?.text).toBe('jürgen:größe')
  })
})

describe('heredocContent', () => {
  it('drops leading tabs for "<<-" only', () => {
    expect(heredocContent({ chomp: true, content: '\ta\n\t\tb\n c\n\r\td\n' })).toBe('a\nb\n c\n\r\td\n')
    expect(heredocContent({ chomp: false, content: '\ta\n' })).toBe('\ta\n')
  })
})

describe('matchesSyntaxDirective', () => {
  it.for([
    ['docker/dockerfile', 'served'],
    ['docker/dockerfile:1', 'served'],
    ['docker/dockerfile:1.26', 'served'],
    ['docker/dockerfile:1.26.3', 'served'],
    ['docker/dockerfile:1.7-labs', 'served'],
    ['docker/dockerfile:labs', 'served'],
    ['docker/dockerfile:experimental', 'served'],
    ['docker/dockerfile-upstream:master', 'served'],
    ['docker.io/docker/dockerfile:1', 'served'],
    ['mirror.example.com:5000/hub/docker/dockerfile:1.4', 'served'],
    [`docker/dockerfile:1@sha256:${'a'.repeat(64)}`, 'served'],
    ['docker/dockerfile:1.27', 'newer'],
    ['docker/dockerfile:1.100-labs', 'newer'],
    ['docker/dockerfile:2', 'newer'],
    ['notdocker/dockerfile:1', 'foreign'],
    ['docker/dockerfilex', 'foreign'],
    ['docker/dockerfile/x', 'foreign'],
    ['dockerfile:1', 'foreign'],
    ['', 'foreign'],
  ] as const)('%s is %s', ([image, expected]) => expect(matchesSyntaxDirective(image)).toBe(expected))

  it('knows its own version', () => expect(syntaxVersion).toMatch(/^\d+\.\d+$/))
})

describe('tables', () => {
  it('name every instruction, and flags only of instructions', () => {
    expect(instructionNames).toHaveLength(18)
    for (const name of Object.keys(flagTable)) expect(instructionNames).toContain(name.toUpperCase())
  })
})

function only<K extends InstructionKind>(source: string, kind: K): Extract<Instruction, { kind: K }> {
  const found = parseDockerfile(source).instructions.filter((instruction) => instruction.kind === kind)
  expect(found).toHaveLength(1)
  return found[0] as Extract<Instruction, { kind: K }>
}
