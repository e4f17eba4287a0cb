import { checkDockerfile, checkRules, compileIgnore, parseCheckConfig, parseDockerfile } from '@dockerfile/parser'
import type { CheckOptions } from '@dockerfile/parser'
import { describe, expect, it } from 'vitest'
import { at } from './helpers/show.ts'

/** One row: a name of a rule, a text that breaks it, and the places of its findings; then texts that do not break it. */
interface RuleCase {
  readonly breaks: readonly (readonly [string, readonly string[], CheckOptions?])[]
  readonly keeps: readonly (readonly [string, CheckOptions?])[]
}

const known: CheckOptions = {
  image: () => ({ env: ['PATH=/bin', 'HOME=/root'], platform: { os: 'linux', architecture: 'amd64' } }),
}
const ignoring = (text: string): CheckOptions => ({ ignore: compileIgnore(text, 'sub/.dockerignore') })

const cases: Readonly<Record<string, RuleCase>> = {
  StageNameCasing: { breaks: [['FROM a:1 AS Build\n', ['1:13-1:18']]], keeps: [['FROM a:1 AS build\n']] },
  FromAsCasing: {
    breaks: [
      ['FROM a:1 as x\n', ['1:10-1:12']],
      ['from a:1 AS x\n', ['1:10-1:12']],
    ],
    keeps: [['FROM a:1 AS x\n'], ['from a:1 as x\n'], ['From a:1 as x\n']],
  },
  DuplicateStageName: {
    breaks: [['FROM a:1 AS x\nFROM b:1 AS X\nFROM c:1 AS y\n', ['2:13-2:14']]],
    keeps: [['FROM a:1 AS x\nFROM a:1 AS y\n']],
  },
  ReservedStageName: {
    breaks: [['FROM a:1 AS scratch\nFROM b:1 AS Context\n', ['1:13-1:20', '2:13-2:20']]],
    keeps: [['FROM scratch AS x\n']],
  },
  UndefinedArgInFrom: {
    breaks: [
      ['FROM ${NOPE:-a}:1\n', ['1:6-1:18']],
      ['FROM --platform=$NOPE a:1\n', ['1:17-1:22']],
    ],
    keeps: [['ARG A=a:1\nFROM $A\n'], ['ARG A\nFROM ${A:-a:1}\n'], ['FROM --platform=$BUILDPLATFORM a:1\n']],
  },
  InvalidDefaultArgInFrom: {
    breaks: [
      ['ARG A\nFROM $A\n', ['2:6-2:8']],
      ['ARG V\nFROM alpine:$V\n', ['2:6-2:15'], { buildArgs: new Map([['V', '3']]) }],
    ],
    keeps: [['ARG V=3\nFROM alpine:$V\n']],
  },
  RedundantTargetPlatform: {
    breaks: [['FROM --platform=$TARGETPLATFORM a:1\n', ['1:17-1:32']]],
    keeps: [['FROM --platform=$BUILDPLATFORM a:1\n'], ['FROM --platform=${TARGETPLATFORM}/v2 a:1\n']],
  },
  FromPlatformFlagConstDisallowed: {
    breaks: [['FROM --platform=linux/amd64 a:1 AS x\n', ['1:17-1:28']]],
    keeps: [['FROM --platform=linux/amd64 a:1 AS build_amd64\n'], ['FROM --platform=$BUILDPLATFORM a:1\n']],
  },
  InvalidBaseImagePlatform: {
    breaks: [['FROM a:1\n', ['1:6-1:9'], { ...known, targetPlatform: { os: 'linux', architecture: 'arm64' } }]],
    keeps: [
      ['FROM a:1\n', known],
      ['FROM a:1\n'],
      ['FROM a:1\nFROM scratch\n', { ...known, targetPlatform: { os: 'linux', architecture: 'arm64' } }],
    ],
  },
  NoEmptyContinuation: {
    breaks: [['FROM a:1\nRUN x \\\n\n  \n y\n', ['3:1-3:1']]],
    keeps: [['FROM a:1\nRUN x \\\n # c\n y\n']],
  },
  ConsistentInstructionCasing: {
    breaks: [
      ['FROM a:1\nrun x\nRUN y\n', ['2:1-2:4']],
      ['from a:1\nrun x\nRUN y\n', ['3:1-3:4']],
      ['FROM a:1\nRun x\n', ['2:1-2:4']],
    ],
    keeps: [['from a:1\nrun x\n'], ['arg A=1\nFROM a:1\nRUN x\n']],
  },
  JSONArgsRecommended: {
    breaks: [['FROM a:1\nENTRYPOINT x\nCMD y\n', ['2:1-2:13', '3:1-3:6']]],
    keeps: [
      ['FROM a:1\nCMD ["y"]\n'],
      ['FROM a:1\nSHELL ["sh"]\nCMD y\n'],
      ['FROM a:1\nCMD y\n', { image: () => ({ shell: ['x'] }) }],
      ['FROM a:1\nRUN y\n'],
    ],
  },
  LegacyKeyValueFormat: {
    breaks: [['FROM a:1\nENV a b\nLABEL a b\n', ['2:1-2:8', '3:1-3:10']]],
    keeps: [['FROM a:1\nENV a=b\n']],
  },
  MaintainerDeprecated: {
    breaks: [['FROM a:1\nMAINTAINER x\n', ['2:1-2:13']]],
    keeps: [['FROM a:1\nLABEL maintainer=x\n']],
  },
  MultipleInstructionsDisallowed: {
    breaks: [['FROM a:1\nCMD ["a"]\nCMD ["b"]\nHEALTHCHECK NONE\nHEALTHCHECK NONE\n', ['2:1-2:10', '4:1-4:17']]],
    keeps: [['FROM a:1\nCMD ["a"]\nFROM b:1\nCMD ["b"]\n'], ['FROM a:1\nUSER a\nUSER b\n']],
  },
  InvalidDefinitionDescription: {
    breaks: [['# check=experimental=all\n# wrong words\nARG A\n# text\nFROM a:1 AS x\n', ['2:1-2:14', '4:1-4:7']]],
    keeps: [
      ['# check=experimental=all\n# A words\nARG A\n# x text\nFROM a:1 AS x\n# other\nRUN x\n'],
      ['# wrong words\nARG A=1\nFROM a:1\n'],
    ],
  },
  UndefinedVar: {
    breaks: [
      ['FROM scratch\nENV A=$B\nCOPY $C d\n', ['2:1-2:9', '3:1-3:10']],
      ['FROM a:1\nENV A=$PAHT\n', ['2:1-2:12']],
      ['FROM scratch\nCOPY <<E /x\n$B\nE\n', ['2:1-4:2']],
      ['FROM scratch\nRUN --mount=type=cache,target=$B x\n', ['2:1-2:35']],
    ],
    keeps: [
      ['FROM scratch\nARG B\nENV A=$B\n'],
      ['FROM scratch\nENV B=1\nENV A=$B\n'],
      ['FROM a:1\nENV A=$JAVA_HOME\n'],
      ['FROM a:1\nENV A=$HOME\n', known],
      ['FROM scratch\nRUN echo $B\n'],
      ['FROM scratch\nENV B=1\nFROM 0\n'],
      ['FROM scratch AS x\nARG B=1\nFROM x\nENV A=$B\n'],
    ],
  },
  WorkdirRelativePath: {
    breaks: [['FROM a:1\nWORKDIR x\nWORKDIR y\n', ['2:1-2:10']]],
    keeps: [
      ['FROM a:1\nWORKDIR /x\nWORKDIR y\n'],
      ['FROM a:1 AS x\nWORKDIR /x\nFROM x\nWORKDIR y\n'],
      ['FROM a:1\nWORKDIR $JAVA_HOME\n'],
    ],
  },
  SecretsUsedInArgOrEnv: {
    breaks: [['FROM a:1\nARG API_KEY\nENV DB_PASSWORD=x token=y\n', ['2:1-2:12', '3:1-3:26', '3:1-3:26']]],
    keeps: [['FROM a:1\nARG PUBLIC_KEY\nENV TOKEN_FILE=/x KEY_VERSION=1 MONKEY=1\n'], ['ARG TOKEN=1\nFROM a:1\n']],
  },
  CopyIgnoredFile: {
    breaks: [
      ['FROM a:1\nCOPY a.md b/c /x/\n', ['2:6-2:10', '2:11-2:14'], ignoring('*.md\nb\n')],
      ['FROM a:1\nCOPY . /x\n', ['2:6-2:7'], ignoring('*\n')],
      ['FROM a:1\nADD a.md https://a/b.md /x/\n', ['2:5-2:9'], ignoring('**/*.md\n')],
    ],
    keeps: [
      ['FROM a:1\nCOPY a.md /x\n', ignoring('*.md\n!b\n')],
      ['FROM a:1\nCOPY --from=b a.md /x\n', ignoring('*.md\n')],
      ['FROM a:1\nCOPY . /x\n', ignoring('*.md\n')],
      ['FROM a:1\nCOPY a.md /x\n'],
    ],
  },
  ExposeProtoCasing: {
    breaks: [['FROM a:1\nEXPOSE 80/TCP 81/Udp\n', ['2:8-2:14', '2:15-2:21']]],
    keeps: [['FROM a:1\nEXPOSE 80/tcp\n']],
  },
  ExposeInvalidFormat: {
    breaks: [['FROM a:1\nEXPOSE 8080:80 127.0.0.1:81:81\n', ['2:8-2:15', '2:16-2:31']]],
    keeps: [['FROM a:1\nEXPOSE 80\n']],
  },
  TrailingComment: {
    breaks: [
      ['FROM a:1\nWORKDIR /opt # here\n', ['2:9-2:20']],
      ['FROM a:1\nUSER app # no root\n', ['2:6-2:19']],
      ['FROM a:1\nARG A=1 # one\n', ['2:9-2:10']],
      ['FROM a:1\nCOPY a b # all\n', ['2:10-2:11']],
      ['FROM a:1\nVOLUME /a # data\n', ['2:11-2:12']],
      ['FROM a:1\nENV A b # c\n', ['2:7-2:12']],
    ],
    keeps: [
      ['FROM a:1\nRUN x # shell\nCMD y # shell\n'],
      ['FROM a:1\nENV COLOUR #fff\nLABEL a="x # y"\n'],
      ['FROM a:1\nCOPY #a /b\n'],
    ],
  },
  BrokenJSONForm: {
    breaks: [
      ["FROM a:1\nCMD ['a', 'b']\n", ['2:5-2:15']],
      ['FROM a:1\nENTRYPOINT ["a"] # b\n', ['2:12-2:21']],
      ['FROM a:1\nCMD ["a",]\n', ['2:5-2:11']],
      ['FROM a:1\nRUN [“a”, “b”]\n', ['2:5-2:15']],
    ],
    keeps: [['FROM a:1\nRUN [ "$A" = "b" ]\nRUN [ -f x ] && y\n'], ['FROM a:1\nCMD ["a"]\n']],
  },
  AptGetInstallWithoutUpdate: {
    breaks: [
      ['FROM a:1\nRUN apt-get install -y x\n', ['2:5-2:25']],
      ['FROM a:1\nRUN <<E\napt -y install x\nE\n', ['2:5-2:8']],
    ],
    keeps: [
      ['FROM a:1\nRUN apt-get -qq update && apt-get install x\n'],
      ['FROM a:1\nRUN apt-get install -y ./x.deb\n'],
      ['FROM a:1\nRUN apt install --update x\n'],
      ['FROM a:1\nRUN --mount=type=cache,target=/var/lib/apt apt-get install x\n'],
      ['FROM a:1\nRUN xx-apt-get install x\n'],
    ],
  },
  UnpinnedBaseImage: {
    breaks: [
      ['FROM a\nFROM b:latest\n', ['1:6-1:7', '2:6-2:14']],
      ['ARG V=latest\nFROM a:$V\n', ['2:6-2:10']],
    ],
    keeps: [['FROM a:1 AS x\nFROM x\nFROM scratch\n'], [`FROM a@sha256:${'0'.repeat(64)}\n`]],
  },
  SecretValue: {
    breaks: [
      ['FROM a:1\nENV A=AKIAABCDEFGHIJKLMNOP\n', ['2:7-2:27']],
      [`FROM a:1\nARG B=ghp_${'a'.repeat(36)}\n`, ['2:7-2:47']],
      ['FROM a:1\nENV C=https://user:pass@host/\n', ['2:7-2:30']],
    ],
    keeps: [['FROM a:1\nENV A=https://host/ B=https://user:$PASS@host C=AKIA\n']],
  },
  LargeContext: {
    breaks: [['FROM a:1\n', ['1:1-1:1'], { contextUsage: { bytes: 2e8, directories: [{ path: 'a', bytes: 1e8 }] } }]],
    keeps: [['FROM a:1\n', { contextUsage: { bytes: 1e8, directories: [] } }]],
  },
}

describe('checks', () => {
  it('has cases for every rule', () =>
    expect(Object.keys(cases).sort()).toEqual(checkRules.map(({ name }) => name).sort()))

  for (const [rule, { breaks, keeps }] of Object.entries(cases)) {
    it.for(breaks)(`${rule} finds %j`, ([text, places, options]) =>
      expect(placesOf(text, rule, options)).toEqual(places),
    )
    it.for(keeps)(`${rule} lets %j pass`, ([text, options]) => expect(placesOf(text, rule, options)).toEqual([]))
  }

  it('names the ignore rule and the three biggest folders', () => {
    const hidden = checkDockerfile(parseDockerfile('FROM a:1\nCOPY a.md /x\n'), ignoring('# c\n*.md\n')).diagnostics
    expect(hidden.map(({ hint }) => hint)).toContain('Line 2 of "sub/.dockerignore", "*.md", hides it')
    const directories = [5, 1, 9, 7].map((size) => ({ path: `d${size}`, bytes: size * 1e8 }))
    const [large] = checkDockerfile(parseDockerfile('FROM a:1\n'), {
      contextUsage: { bytes: 3e9, directories },
    }).diagnostics
    expect(large?.message).toBe('Build context has 3.0 GB; biggest are "d9" (900 MB), "d7" (700 MB), "d5" (500 MB)')
  })

  it('never shows the value of a secret', () => {
    const text = `FROM a:1\nARG A=ghp_${'a'.repeat(36)}\n`
    expect(JSON.stringify(checkDockerfile(parseDockerfile(text)).diagnostics)).not.toContain('ghp_')
  })
})

describe('check directive', () => {
  const text = 'FROM a\nMAINTAINER x\nWORKDIR y\n'
  const rules = (head: string, options?: CheckOptions): readonly string[] =>
    checkDockerfile(parseDockerfile(head + text), options).diagnostics.map(({ rule, code }) => rule ?? code)

  it.for([
    ['', ['UnpinnedBaseImage', 'MaintainerDeprecated', 'WorkdirRelativePath']],
    ['# check=skip=all\n', []],
    ['# check=skip=MaintainerDeprecated, x\n', ['UnpinnedBaseImage', 'WorkdirRelativePath']],
    ['# check=skip=UnpinnedBaseImage,WorkdirRelativePath\n', ['MaintainerDeprecated']],
  ] as const)('%j', ([head, expected]) => expect(rules(head)).toEqual(expected))

  it('is replaced by the option', () =>
    expect(rules('# check=skip=all\n', { check: 'skip=WorkdirRelativePath' })).toEqual([
      'UnpinnedBaseImage',
      'MaintainerDeprecated',
    ]))

  it('counts for one instruction in front of it', () => {
    const { diagnostics } = checkDockerfile(
      parseDockerfile('FROM scratch\n# check=skip=UndefinedVar\nENV A=$B\nENV C=$D\n'),
    )
    expect(diagnostics.map(({ rule, range }) => `${rule} ${range.start.line}`)).toEqual(['UndefinedVar 4'])
  })

  it("makes BuildKit's checks fail the build with error=true, and only those", () => {
    const result = checkDockerfile(parseDockerfile(`# check=error=true\n${text}`))
    expect(result.failed).toEqual(['MaintainerDeprecated', 'WorkdirRelativePath'])
    expect(checkDockerfile(parseDockerfile('# check=error=true\nFROM a\nRUN true\n')).failed).toEqual([])
  })

  it.for(['skip', 'nope=1', 'error=maybe', 'skip=a;b', 'skip=a;error=true;experimental=x;error=false;y'])(
    'refuses "%s"',
    (value) =>
      expect(parseCheckConfig(value)).toMatchObject({
        ok: value.startsWith('skip=a;error'),
        ...(value.startsWith('skip=a;error') ? {} : { problem: { code: 'DIRECTIVE_INVALID' } }),
      }),
  )
})

function placesOf(text: string, rule: string, options?: CheckOptions): readonly string[] {
  const { diagnostics } = checkDockerfile(parseDockerfile(text), options)
  return diagnostics.filter((diagnostic) => diagnostic.rule === rule).map(({ range }) => at(range))
}
