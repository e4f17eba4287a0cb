import {
  analyzeDockerfile,
  checkDockerfile,
  formatOutline,
  formatTargets,
  outline,
  parseDockerfile,
  targets,
  toGithubAnnotations,
  toLintResult,
  toSarif,
} from '@dockerfile/parser'
import { describe, expect, it } from 'vitest'

const source = `ARG BASE=alpine:3.20
# REG registry
ARG REG=x/$BASE
FROM $BASE as first
# A thing
ARG A=1
RUN --mount=type=secret,id=foo,required --mount=type=ssh \\
 echo
# third the last but one
FROM --platform=$BUILDPLATFORM scratch AS third
ARG Z
# final the last
FROM $REG as final
ARG BASE
COPY --from=third x y
RUN --mount=type=secret,target=/a/b echo
`
const parsed = parseDockerfile(source, { filename: 'sub/Dockerfile' })
const line = (...lines: readonly number[]): unknown => ({
  ranges: lines.map((number) => ({ start: { line: number }, end: { line: number } })),
})

describe('outline', () => {
  it('lists what the target takes, as BuildKit does', () => {
    expect(outline(analyzeDockerfile(parsed))).toEqual({
      name: 'final',
      description: 'the last',
      args: [
        { name: 'BASE', value: 'alpine:3.20', location: line(1) },
        { name: 'REG', description: 'registry', value: 'x/alpine:3.20', location: line(3) },
        { name: 'Z', location: line(11) },
      ],
      secrets: [{ name: 'b', location: line(16) }],
    })
    expect(outline(analyzeDockerfile(parsed, { target: 'first' }))).toEqual({
      name: 'first',
      args: [
        { name: 'BASE', value: 'alpine:3.20', location: line(1) },
        { name: 'A', description: 'thing', value: '1', location: line(6) },
      ],
      secrets: [{ name: 'foo', required: true, location: line(7, 8) }],
      ssh: [{ name: 'default', location: line(7, 8) }],
    })
  })

  it('is printed as docker prints it', () => {
    expect(formatOutline(outline(analyzeDockerfile(parsed, { target: 'first' })))).toBe(
      [
        'TARGET: first',
        '',
        'BUILD ARG   VALUE         DESCRIPTION',
        'BASE        alpine:3.20   ',
        'A           1             thing',
        '',
        'SECRET   REQUIRED',
        'foo      true',
        '',
        'SSH       REQUIRED',
        'default   ',
        '',
        '',
      ].join('\n'),
    )
  })
})

describe('targets', () => {
  it('lists the stages', () => {
    expect(targets(parsed).targets).toEqual([
      { name: 'first', base: '$BASE', location: line(4) },
      {
        name: 'third',
        description: 'the last but one',
        base: 'scratch',
        platform: '$BUILDPLATFORM',
        location: line(10),
      },
      { name: 'final', default: true, description: 'the last', base: '$REG', location: line(13) },
    ])
  })

  it('is printed as docker prints it', () => {
    expect(formatTargets(targets(parsed).targets)).toBe(
      'TARGET          DESCRIPTION\nfirst           \nthird           the last but one\nfinal (default) the last\n',
    )
    expect(formatTargets(targets(parseDockerfile('FROM a\n')).targets)).toBe('TARGET    DESCRIPTION\n(default) \n')
  })
})

describe('reports of diagnostics', () => {
  const broken = parseDockerfile('FROM a:1 as x\nCOPY 50%,a:b\nRUN a \\\n\n b\n', { filename: 'a b/Dockerfile' })
  const { diagnostics } = checkDockerfile(broken)
  const file = { filename: broken.filename, diagnostics }

  it("toLintResult has the form of BuildKit's lint", () => {
    const result = toLintResult(broken, diagnostics)
    expect(result.warnings.map(({ ruleName }) => ruleName)).toEqual(['FromAsCasing', 'NoEmptyContinuation'])
    expect(result.warnings[0]).toEqual({
      ruleName: 'FromAsCasing',
      description: "The 'as' keyword should match the case of the 'from' keyword",
      url: 'https://docs.docker.com/go/dockerfile/rule/from-as-casing/',
      detail: "'as' and 'FROM' keywords' casing do not match",
      location: line(1),
    })
    expect(result.buildError).toEqual({
      message: 'COPY needs at least one source and a destination',
      location: line(2),
    })
    expect(atob(result.sources[0]?.data ?? '')).toBe(broken.source)
  })

  it('toSarif gives a log with rules, places and levels', () => {
    const log = toSarif([file], { toolName: 'tsbuild', toolVersion: '1.0' })
    expect(log).toMatchObject({ version: '2.1.0', runs: [{ tool: { driver: { name: 'tsbuild', version: '1.0' } } }] })
    const [run] = log['runs'] as [{ tool: { driver: { rules: { id: string }[] } }; results: Record<string, unknown>[] }]
    expect(run.tool.driver.rules.map(({ id }) => id)).toEqual([
      'ARGUMENTS_INVALID',
      'FromAsCasing',
      'NoEmptyContinuation',
    ])
    expect(run.results.map(({ ruleId, ruleIndex, level }) => [ruleId, ruleIndex, level])).toEqual([
      ['FromAsCasing', 1, 'warning'],
      ['ARGUMENTS_INVALID', 0, 'error'],
      ['NoEmptyContinuation', 2, 'warning'],
    ])
    expect(run.results[1]).toMatchObject({
      locations: [
        {
          physicalLocation: {
            artifactLocation: { uri: 'a%20b/Dockerfile' },
            region: { startLine: 2, startColumn: 6, endLine: 2, endColumn: 13 },
          },
        },
      ],
    })
  })

  it('toGithubAnnotations escapes what workflow commands need', () => {
    expect(toGithubAnnotations([file])).toEqual([
      "::warning file=a b/Dockerfile,line=1,endLine=1,col=10,endColumn=12,title=FromAsCasing::'as' and 'FROM' keywords' casing do not match%0AWrite \"AS\"",
      '::error file=a b/Dockerfile,line=2,endLine=2,col=6,endColumn=13,title=ARGUMENTS_INVALID::COPY needs at least one source and a destination%0AWrite "COPY 50%25,a:b destination"; "." is the working directory',
      '::warning file=a b/Dockerfile,line=4,endLine=4,col=1,endColumn=1,title=NoEmptyContinuation::Empty continuation line%0ARemove the line, or make it a comment',
    ])
  })
})
