import {
  analyzeDockerfile,
  expandInstruction,
  expansionRules,
  parseDockerfile,
  platformArguments,
} from '@dockerfile/parser'
import type { AnalyzeOptions, Instruction, InstructionKind } from '@dockerfile/parser'
import { describe, expect, it } from 'vitest'
import { at } from './helpers/show.ts'

describe('analyzeDockerfile', () => {
  it('evaluates global arguments in order, and build arguments over defaults', () => {
    const { globals } = analyze('ARG A=1\nARG B=$A-$C\nARG C=3\nFROM x:$B\n', { buildArgs: new Map([['C', '9']]) })
    expect(['A', 'B', 'C'].map((name) => globals.variables.get(name))).toEqual(['1', '1-', '9'])
  })

  it('looks at every stage, or only at what the target needs', () => {
    const text = 'FROM x AS a\nENV A=1\nFROM x AS b\nENV B=1\nFROM b\nENV C=1\n'
    const looked = (options: AnalyzeOptions): readonly number[] =>
      analyze(text, options).stages.map(({ instructions }) => instructions.length)
    expect(looked({})).toEqual([1, 1, 1])
    expect(looked({ onlyTarget: true })).toEqual([0, 1, 1])
    expect(looked({ target: 'a' })).toEqual([1, 0, 0])
  })

  it('offers the platform arguments', () => {
    const parsed = parseDockerfile('FROM x AS Last\n')
    const build = { os: 'linux', architecture: 'arm', variant: 'v7' }
    const args = platformArguments(parsed, {
      buildPlatform: build,
      targetPlatform: { os: 'windows', architecture: 'amd64' },
      buildArgs: new Map([['TARGETARCH', 'mine']]),
    })
    expect(Object.fromEntries(args)).toEqual({
      BUILDPLATFORM: 'linux/arm/v7',
      BUILDOS: 'linux',
      BUILDOSVERSION: '',
      BUILDARCH: 'arm',
      BUILDVARIANT: 'v7',
      TARGETPLATFORM: 'windows/amd64',
      TARGETOS: 'windows',
      TARGETOSVERSION: '',
      TARGETARCH: 'mine',
      TARGETVARIANT: '',
      TARGETSTAGE: 'last',
    })
  })

  it.for([
    ['ARG A=1\nFROM scratch\nARG A=2\nLABEL l=$A\n', '2'],
    ['ARG A=1\nFROM scratch\nARG A\nLABEL l=$A\n', '1'],
    ['ARG A=1\nFROM scratch\nLABEL l=$A\n', ''],
    ['FROM scratch\nENV A=1\nARG A=2\nLABEL l=$A\n', '2'],
    ['FROM scratch\nARG A=2\nENV A=1\nLABEL l=$A\n', '1'],
    ['FROM scratch\nENV X=old\nENV X=new Y=$X\nLABEL l=$Y\n', 'old'],
    ['FROM scratch\nARG A=1 E=$A\nLABEL l=$E\n', '1'],
    ['FROM scratch AS b\nARG A=1\nENV B=$A\nFROM b\nLABEL l=$A$B\n', '11'],
    ['FROM scratch\nLABEL l=$PATH\n', '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
    ['FROM img\nLABEL l=$E\n', 'from-image'],
    ['FROM scratch AS b\nONBUILD ENV A=trigger\nFROM b\nLABEL l=$A\n', 'trigger'],
    ['FROM trig\nLABEL l=$A\n', 'image-trigger'],
    ['FROM scratch\nARG GIVEN=default\nLABEL l=$GIVEN\n', 'given'],
    ['FROM scratch\nENV E=e\nARG A=${E:-x}${NO:-y}\nLABEL l=$A\n', 'ey'],
  ] as const)('%j gives "%s"', ([text, expected]) => {
    const facts = analyze(text, {
      buildArgs: new Map([['GIVEN', 'given']]),
      image: (name) =>
        name === 'img' ? { env: ['E=from-image'] } : name === 'trig' ? { onbuild: ['ENV A=image-trigger'] } : undefined,
    })
    const label = facts.stages.at(-1)?.instructions.at(-1)?.expanded
    expect(label?.kind === 'label' && label.pairs[0]?.value.text).toBe(expected)
  })

  it('finds what the target needs', () => {
    const text =
      'FROM x AS a\nFROM x AS b\nCOPY --from=a 1 2\nFROM b AS c\nFROM x AS d\nRUN --mount=from=C,target=/m y\nFROM x AS e\n'
    const reach = (target?: string): readonly number[] =>
      [...analyze(text, target === undefined ? {} : { target }).reachable].sort((a, b) => a - b)
    expect([reach(), reach('D'), reach('b'), reach('a')]).toEqual([[4], [0, 1, 2, 3], [0, 1], [0]])
  })

  it('does not look into stages that the target does not need, but for circles', () => {
    const errors = (text: string): readonly string[] =>
      analyze(text, { target: 'a' }).diagnostics.map(({ code }) => code)
    expect(errors('FROM x AS a\nFROM x AS b\nEXPOSE nope\n')).toEqual([])
    expect(errors('FROM x AS a\nFROM x AS b\nCOPY --from=b 1 2\n')).toEqual(['STAGE_ORDER'])
    expect(errors('FROM x AS b\nCOPY --from=c 1 2\nFROM x AS a\nFROM x AS c\n')).toEqual([])
  })

  it('finds a base only by the name as BuildKit keeps it', () => {
    const { stages } = analyze('FROM scratch AS One\nFROM one\nFROM scratch AS two\n')
    expect(stages.map(({ base }) => base)).toEqual([
      { kind: 'scratch' },
      { kind: 'stage', index: 0 },
      { kind: 'scratch' },
    ])
  })

  it('lets named contexts stand in for stages and images', () => {
    const { stages } = analyze('FROM alpine AS base\nFROM base\nFROM debian\n', {
      namedContexts: new Set(['base', 'debian']),
    })
    expect(stages.map(({ base }) => base)).toEqual([
      { kind: 'context', name: 'base' },
      { kind: 'stage', index: 0 },
      { kind: 'context', name: 'debian' },
    ])
  })

  it('leaves open what hangs on an unknown base', () => {
    expect(
      analyze('FROM x\nEXPOSE $PORT\nENV A=${B:?}\nSTOPSIGNAL $S\nRUN --mount=type=$T,target=/x y\n').diagnostics,
    ).toEqual([])
    const known = analyze('FROM x\nEXPOSE $PORT a$PORT\n', { image: () => ({ env: ['PORT=80'] }) })
    expect(known.diagnostics.map(({ code, range }) => `${code} ${at(range)}`)).toEqual(['PORT_INVALID 2:14-2:20'])
  })

  it('shows the problems of a trigger at the FROM', () => {
    const { diagnostics } = analyze('FROM x AS base\nFROM t\n', {
      image: (name) => (name === 't' ? { onbuild: ['EXPOSE nope', 'COPY a'] } : {}),
    })
    expect(diagnostics.map(({ code, range }) => `${code} ${at(range)}`)).toEqual([
      'PORT_INVALID 2:1-2:7',
      'ARGUMENTS_INVALID 2:1-2:7',
    ])
  })

  it('says which target there could be', () => {
    const { diagnostics } = analyze('FROM x AS build\n', { target: 'biuld' })
    expect(diagnostics).toMatchObject([{ code: 'STAGE_UNKNOWN', hint: 'Did you mean "build"?' }])
  })
})

describe('expansion rules', () => {
  /** A file with a variable in every place where words can stand. */
  const text = `FROM --platform=$V $V AS name
ARG V A=$V
ENV $V=$V
LABEL $V=$V
COPY --from=name --exclude=$V --chown=$V --chmod=$V $V <<E $V
$V
E
ADD --checksum=$V --exclude=$V --chown=$V --chmod=$V $V <<E $V
$V
E
RUN --mount=target=$V,from=name x $V
EXPOSE $V
USER $V
WORKDIR $V
VOLUME $V
STOPSIGNAL $V
CMD $V
ENTRYPOINT $V
SHELL ["$V"]
HEALTHCHECK CMD $V
MAINTAINER $V
ONBUILD USER $V
`

  it('say for every instruction what expandInstruction does', () => {
    const { instructions, diagnostics } = parseDockerfile(text)
    expect(diagnostics).toEqual([])
    const seen = new Set<InstructionKind>()
    for (const instruction of instructions) {
      seen.add(instruction.kind)
      const { instruction: expanded } = expandInstruction(instruction, new Map([['V', 'W X']]), '\\')
      const wanted = expansionRules[instruction.kind].fields
        .filter(({ how }) => how !== 'mount')
        .map(({ field }) => field)
      const { order } = expansionRules[instruction.kind]
      expect([instruction.kind, changedFields(instruction, expanded)]).toEqual([
        instruction.kind,
        order === 'sequential' ? [] : wanted.sort(),
      ])
    }
    expect([...seen].sort()).toEqual(
      Object.keys(expansionRules)
        .filter((kind) => kind !== 'invalid')
        .sort(),
    )
  })

  it('count the variables of mounts as used', () => {
    const [, run] = parseDockerfile('FROM a\nRUN --mount=target=$V,source=$NO x $Z\n').instructions
    const { used, unset } = expandInstruction(run as Instruction, new Map([['V', '/v']]), '\\')
    expect([[...used], [...unset]]).toEqual([['V'], ['NO']])
  })

  it('report problems with their place and go on', () => {
    const [, env] = parseDockerfile('FROM a\nENV A=${ B=${X:?no} C=ok\n').instructions
    const { problems, instruction } = expandInstruction(env as Instruction, new Map(), '\\')
    expect(problems.map(({ problem, range }) => `${problem.code} ${at(range)}`)).toEqual([
      'EXPANSION_FAILED 2:7-2:9',
      'EXPANSION_FAILED 2:12-2:20',
    ])
    expect(instruction.kind === 'env' && instruction.pairs[2]?.value.text).toBe('ok')
  })
})

/** Dotted names of the fields that differ; a word counts as a whole, elements of a list do not. */
function changedFields(before: unknown, after: unknown, path = ''): readonly string[] {
  if (JSON.stringify(before) === JSON.stringify(after)) return []
  const isWord = typeof before === 'object' && before !== null && 'text' in before && path !== ''
  if (typeof before !== 'object' || before === null || typeof after !== 'object' || isWord) return [path]
  const inner = Object.keys(before).flatMap((key) => {
    const below = Array.isArray(before) ? path : path === '' ? key : `${path}.${key}`
    return key === 'range' ? [] : changedFields(Reflect.get(before, key), Reflect.get(after as object, key), below)
  })
  return [...new Set(inner)].sort()
}

function analyze(text: string, options?: AnalyzeOptions): ReturnType<typeof analyzeDockerfile> {
  return analyzeDockerfile(parseDockerfile(text), options)
}
