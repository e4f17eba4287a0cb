import { readdirSync, readFileSync } from 'node:fs'
import { parseDockerfile } from '@dockerfile/parser'
import { describe, expect, it } from 'vitest'
import { fixture } from './helpers/fixture.ts'
import { at, summarize } from './helpers/show.ts'

/** The trees were compared with the ones that BuildKit's parser makes of the same files. */
describe('syntax trees', () => {
  it.for(readdirSync(fixture('dockerfiles')))('%s', (name) => {
    const parsed = parseDockerfile(readFileSync(fixture(`dockerfiles/${name}/Dockerfile`)))
    const expected: unknown = JSON.parse(readFileSync(fixture(`dockerfiles/${name}/expected.json`), 'utf8'))
    const shown = {
      directives: summarize(parsed.directives),
      globalArgs: parsed.globalArgs.length,
      stages: parsed.stages.map((stage) => ({
        name: stage.name,
        description: stage.description,
        instructions: stage.instructions.length,
      })),
      instructions: summarize(parsed.instructions),
      diagnostics: parsed.diagnostics.map(({ severity, code, range }) => `${severity} ${code} ${at(range)}`),
    }
    expect(JSON.parse(JSON.stringify(shown))).toEqual(expected)
  })
})
