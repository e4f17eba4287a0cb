import { readdirSync, readFileSync } from 'node:fs'
import { compileIgnore, compileMatch, compilePatterns, hasWildcard } from '@dockerfile/parser'
import type { IgnorePlan, PlanSegment } from '@dockerfile/parser'
import { describe, expect, it } from 'vitest'
import { fixture, tableRows } from './helpers/fixture.ts'
import { at } from './helpers/show.ts'

const cases = readdirSync(fixture('ignore')).filter((name) => name !== 'malformed')

describe('compileIgnore', () => {
  it.for(cases)('%s', (name) => {
    const matcher = compileIgnore(readFileSync(fixture(`ignore/${name}/dockerignore`)))
    expect(matcher.diagnostics).toEqual([])
    for (const [path = '', expected = ''] of tableRows(`ignore/${name}/paths.txt`)) {
      const { ignored, rule } = matcher.match(path)
      const verdict = ignored ? 'ignored' : 'kept'
      expect(`${path}: ${verdict}${rule === undefined ? '' : ` by line ${rule.line}`}`).toBe(`${path}: ${expected}`)
    }
  })

  it.for(cases)('%s: the plan, executed as the README says, gives the same verdicts', (name) => {
    const matcher = compileIgnore(readFileSync(fixture(`ignore/${name}/dockerignore`)))
    const plan = JSON.parse(JSON.stringify(matcher.toPlan())) as IgnorePlan
    for (const [path = '', expected = ''] of tableRows(`ignore/${name}/paths.txt`)) {
      expect(`${path}: ${executePlan(plan, path) ? 'ignored' : 'kept'}`).toBe(
        `${path}: ${expected.replace(/ by .*/, '')}`,
      )
    }
  })

  it.for(cases)('%s: a directory that need not be walked hides everything below', (name) => {
    const matcher = compileIgnore(readFileSync(fixture(`ignore/${name}/dockerignore`)))
    for (const [path = ''] of tableRows(`ignore/${name}/paths.txt`)) {
      const parts = path.split('/')
      for (let depth = 1; depth < parts.length; depth++) {
        const directory = parts.slice(0, depth).join('/')
        const pruned = matcher.match(directory).ignored && !matcher.mayReinclude(directory)
        if (pruned) expect([directory, path, matcher.match(path).ignored]).toEqual([directory, path, true])
      }
    }
  })

  it('walks a hidden directory only where an exception can reach', () => {
    const matcher = compileIgnore('*\n!src/**/keep\n!docs/a.md\n')
    expect(['src', 'src/deep', 'docs', 'docs/a', 'node_modules'].map((path) => matcher.mayReinclude(path))).toEqual([
      true,
      true,
      true,
      false,
      false,
    ])
  })

  it('does not walk for an exception that a later rule takes back', () => {
    expect(compileIgnore('!cache/keep\ncache\n').mayReinclude('cache')).toBe(false)
    expect(compileIgnore('cache\n!cache/keep\n').mayReinclude('cache')).toBe(true)
  })

  it('names the rule of each entry of the plan', () => {
    const matcher = compileIgnore('a**b\nc\n', 'sub/.dockerignore')
    const { patterns } = matcher.toPlan()
    expect(patterns.map((_, index) => matcher.ruleOf(index)?.line)).toEqual([1, 1, 2])
    expect(matcher.ruleOf(2)).toMatchObject({ pattern: 'c', file: 'sub/.dockerignore', line: 2 })
    expect(matcher.ruleOf(3)).toBeUndefined()
  })

  it('gives bytes that are not UTF-8 as base64', () => {
    const { patterns } = compileIgnore(Buffer.from([0x61, 0xff, 0x0a])).toPlan()
    expect(patterns).toEqual([{ negate: false, segments: [[['lit', { b64: 'Yf8=' }]]] }])
  })

  it('reports every malformed pattern and keeps the others', () => {
    const matcher = compileIgnore(readFileSync(fixture('ignore/malformed/dockerignore')))
    expect(matcher.diagnostics.map(({ code, range }) => `${code} ${at(range)}`)).toEqual([
      'IGNORE_INVALID 1:1-1:3',
      'IGNORE_INVALID 2:1-2:2',
      'IGNORE_INVALID 3:1-3:4',
      'IGNORE_INVALID 4:1-4:2',
      'IGNORE_INVALID 5:1-5:7',
    ])
    expect(matcher.match('ok').ignored).toBe(true)
  })

  it('refuses a pattern that forks too often', () => {
    expect(compileIgnore('a**a**a**a**a**a**a**a\n').diagnostics).toMatchObject([{ code: 'IGNORE_INVALID' }])
  })

  it('matches long names against many stars without going back and forth', () => {
    const matcher = compileIgnore(`${'*a'.repeat(40)}b\n`)
    expect(matcher.match('a'.repeat(5000)).ignored).toBe(false)
  })
})

describe('compilePatterns', () => {
  it('takes patterns as they are: a leading slash is not dropped', () => {
    const matcher = compilePatterns(['*.md', '!README.md', '/x', ' '])
    expect(['a.md', 'README.md', 'x', 'b'].map((path) => matcher.match(path).ignored)).toEqual([
      true,
      false,
      false,
      false,
    ])
  })
})

describe('compileMatch', () => {
  it.for([
    ['*.js', 'a.js', true],
    ['*.js', 'sub/a.js', false],
    ['/src/*/x', 'src/a/x', true],
    ['src/*', 'src/a/x', false],
    ['?', 'é', true],
    ['?', '', false],
    ['[a-c]?', 'bx', true],
    ['[^a-c]?', 'bx', false],
    ['[^a]', '/', false],
    ['\\*', '*', true],
    ['\\*', 'a', false],
    ['**', 'a', true],
    ['**', 'a/b', false],
    ['./a*', 'ab', true],
    ['../a*', 'ab', true],
    ['pages/[[]slug].js', 'pages/[slug].js', true],
  ] as const)('%s on %s: %s', ([pattern, path, expected]) => {
    const match = compileMatch(pattern)
    expect(match.ok && match.value.matches(path)).toBe(expected)
  })

  it.for(['[', '[]', '[^]', '[a', '[a-]', '[-a]', 'a\\', '[z-a]', 'x/[/y'])('refuses %s', (pattern) => {
    expect(compileMatch(pattern)).toMatchObject({ ok: false, problem: { code: 'SOURCE_INVALID' } })
  })

  it('gives a plan of segments', () => {
    const match = compileMatch('/a/*.[jt]s')
    expect(match.ok && match.value.toPlan()).toEqual({
      segments: [
        [['lit', 'a']],
        [
          ['star'],
          ['lit', '.'],
          [
            'class',
            false,
            [
              [106, 106],
              [116, 116],
            ],
          ],
          ['lit', 's'],
        ],
      ],
    })
  })
})

describe('hasWildcard', () => {
  it.for([
    ['a*', true],
    ['a?', true],
    ['a[b', true],
    ['a\\*', false],
    ['a\\\\*', true],
    ['a]', false],
    ['', false],
  ] as const)('%s: %s', ([source, expected]) => expect(hasWildcard(source)).toBe(expected))
})

/** The algorithm of the README, word by word: what a native walker does. */
function executePlan({ patterns }: IgnorePlan, path: string): boolean {
  const elements = path.split('/')
  let hit: boolean[] = patterns.map(() => false)
  let ignored = false
  for (let depth = 1; depth <= elements.length; depth++) {
    ignored = false
    hit = patterns.map(({ negate, segments }, index) => {
      let found = hit[index] === true
      if (!found && negate === ignored) found = matches(segments, elements.slice(0, depth))
      if (found) ignored = !negate
      return found
    })
  }
  return ignored
}

function matches([segment, ...rest]: readonly PlanSegment[], [name, ...below]: readonly string[]): boolean {
  if (segment === undefined) return name === undefined
  if (segment === '**')
    return (
      matches(rest, name === undefined ? [] : [name, ...below]) ||
      (name !== undefined && matches([segment, ...rest], below))
    )
  return name !== undefined && toExpression(segment).test(name) && matches(rest, below)
}

function toExpression(tokens: Exclude<PlanSegment, '**'>): RegExp {
  const code = (point: number): string => `\\u{${point.toString(16)}}`
  const source = tokens.map((token) => {
    if (token[0] === 'star') return '.*'
    if (token[0] === 'any') return '.'
    if (token[0] === 'class')
      return `[${token[1] ? '^' : ''}${token[2].map(([low, high]) => `${code(low)}-${code(high)}`).join('')}]`
    return Array.from(token[1] as string, (character) => code(character.codePointAt(0) ?? 0)).join('')
  })
  return new RegExp(`^${source.join('')}$`, 'su')
}
