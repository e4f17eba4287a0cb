import { Session } from 'node:inspector/promises'
import { setFlagsFromString } from 'node:v8'
import { checkDockerfile, compileIgnore, parseDockerfile } from '@dockerfile/parser'
import { describe, expect, it } from 'vitest'

// Optimised code does not count its blocks.
setFlagsFromString('--no-opt')
setFlagsFromString('--no-maglev')

/** Shapes that make a careless parser go over the same text again and again. `n` is about the size in characters. */
const shapes: Readonly<Record<string, (n: number) => string>> = {
  'many short instructions': (n) => `FROM scratch\n${'RUN a b c\n'.repeat(n / 10)}`,
  'one instruction with many continuations': (n) => `FROM scratch\nRUN a${' \\\n b'.repeat(n / 5)}\n`,
  'comments and empty lines inside a continuation': (n) => `FROM scratch\nRUN a \\\n${'# c\n\n'.repeat(n / 5)}b\n`,
  'many words': (n) => `FROM scratch\nCOPY ${'a '.repeat(n / 2)}/b\n`,
  'many pairs': (n) => `FROM scratch\nENV ${'a=b '.repeat(n / 4)}\n`,
  'many flags': (n) => `FROM scratch\nCOPY ${'--exclude=a '.repeat(n / 12)} a b\n`,
  'one long word': (n) => `FROM scratch\nENV a=${'x'.repeat(n)}\n`,
  'many escapes': (n) => `FROM scratch\nENV a=${'\\x'.repeat(n / 2)}\n`,
  'many trailing blanks': (n) => `FROM scratch\nRUN a ${' \\ '.repeat(n / 3)}\n`,
  'many heredocs': (n) => `FROM scratch\n${'RUN <<E\nx\nE\n'.repeat(n / 12)}`,
  'one long heredoc': (n) => `FROM scratch\nRUN <<E\n${'xE\n'.repeat(n / 3)}E\n`,
  'many heredoc marks on one line': (n) => `FROM scratch\nRUN ${'<<E '.repeat(n / 6)}\n${'E\n'.repeat(n / 6)}`,
  'unterminated heredocs': (n) => `FROM scratch\nRUN <<E\n${'RUN <<F\n'.repeat(n / 8)}`,
  'a long JSON form': (n) => `FROM scratch\nRUN [${'"a",'.repeat(n / 4)}"b"]\n`,
  'almost a JSON form': (n) => `FROM scratch\nCMD ${'['.repeat(n)}\n`,
  'many stages that use each other': (n) =>
    `FROM scratch AS s0\n${Array.from({ length: n / 40 }, (_, i) => `FROM scratch AS s${i + 1}\nCOPY --from=s${i} a b\n`).join('')}`,
  'many unknown instructions': (n) => 'FRO x\n'.repeat(n / 6),
  'nested ONBUILD': (n) => `FROM scratch\n${'ONBUILD '.repeat(n / 8)}RUN a\n`,
  'many variables': (n) => `FROM scratch\nENV A=1\nLABEL ${'a=$A '.repeat(n / 5)}\n`,
  'a directive full of spaces': (n) => `# syntax=${' '.repeat(n)}x y\nFROM scratch\n`,
  'only comments': (n) => '# c\n'.repeat(n / 4),
}

describe('the work grows with the length of the text', () => {
  it.for(Object.entries(shapes))('%s', { timeout: 120_000 }, async ([, shape]) => {
    const small = await countBlocks(() => void parseDockerfile(shape(40_000)))
    const large = await countBlocks(() => void parseDockerfile(shape(160_000)))
    expect(large / small).toBeLessThan(4.6)
  })

  it('for checks too', { timeout: 120_000 }, async () => {
    const text = (n: number): string => `FROM scratch\n${'RUN a\nENV A=$B\nCOPY a b\n'.repeat(n / 24)}`
    const small = await countBlocks(() => void checkDockerfile(parseDockerfile(text(20_000))))
    const large = await countBlocks(() => void checkDockerfile(parseDockerfile(text(80_000))))
    expect(large / small).toBeLessThan(4.6)
  })

  it('for ignore files too', { timeout: 120_000 }, async () => {
    const small = await countBlocks(() => void compileIgnore('a/**/b*\n'.repeat(2_000)).toPlan())
    const large = await countBlocks(() => void compileIgnore('a/**/b*\n'.repeat(8_000)).toPlan())
    expect(large / small).toBeLessThan(4.6)
  })

  it('a file of 5 MB is parsed whole', { timeout: 120_000 }, () => {
    const text = `FROM scratch\n${'RUN --mount=type=cache,target=/x echo "$HOME" \\\n  && true\n'.repeat(87_000)}`
    expect(text.length).toBeGreaterThan(5_000_000)
    expect(parseDockerfile(text).instructions).toHaveLength(87_001)
  })
})

/** How many blocks of this package's code ran: V8's block coverage counts them, whatever the machine's speed. */
async function countBlocks(run: () => void): Promise<number> {
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  run()
  const { result } = await session.post('Profiler.takePreciseCoverage')
  await session.post('Profiler.stopPreciseCoverage')
  session.disconnect()
  const own = result.filter(({ url }) => url.includes('/src/dockerfile/'))
  expect(own.length).toBeGreaterThan(0)
  return own
    .flatMap(({ functions }) => functions.flatMap(({ ranges }) => ranges))
    .reduce((sum, { count }) => sum + count, 0)
}
