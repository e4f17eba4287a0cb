import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkDockerfile, parseDockerfile } from '@dockerfile/parser'
import type { Diagnostic } from '@dockerfile/parser'
import { describe, expect, it } from 'vitest'
import { fixture } from './helpers/fixture.ts'
import { at } from './helpers/show.ts'

interface Expected {
  readonly code: string
  readonly severity?: string
  readonly at: string
  readonly message: string
  readonly hint?: string
}

const directory = fixture('broken')
const expected = JSON.parse(readFileSync(join(directory, 'expected.json'), 'utf8')) as Record<
  string,
  readonly Expected[]
>
const files = readdirSync(directory).filter((name) => name.endsWith('.dockerfile'))

describe('broken Dockerfiles', () => {
  it('has an expectation for every file and no other', () => {
    expect(Object.keys(expected).sort()).toEqual(files.map((name) => name.replace('.dockerfile', '')).sort())
    expect(files.length).toBeGreaterThanOrEqual(60)
  })

  it.for(files)('%s', (file) => {
    const parsed = parseDockerfile(readFileSync(join(directory, file)))
    const found = checkDockerfile(parsed).diagnostics.filter(({ code }) => code !== 'CHECK')
    expect(found.map(show)).toEqual(expected[file.replace('.dockerfile', '')])
  })

  it.for(files)('%s: messages follow the house rules', (file) => {
    const parsed = parseDockerfile(readFileSync(join(directory, file)))
    for (const { message, hint } of checkDockerfile(parsed).diagnostics) {
      expect(message).not.toMatch(/[.!]$/)
      expect(hint ?? '').not.toMatch(/\.$|\n/)
    }
  })
})

function show({ code, severity, range, message, hint }: Diagnostic): Expected {
  return {
    code,
    ...(severity === 'warning' && { severity }),
    at: at(range),
    message,
    ...(hint !== undefined && { hint }),
  }
}
