import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { TsbuildError } from '../../src/base/errors.ts'
import {
  familiarReference,
  formatReference,
  parseReference,
  parseRepository,
  withDefaultTag,
  withDigest,
  withTag,
} from '../../src/oci/reference.ts'

function table(name: string): readonly (readonly string[])[] {
  const text = readFileSync(new URL(`../../fixtures/references/${name}`, import.meta.url), 'utf8')
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split('|').map((cell) => cell.trim()))
}

describe('parseReference', () => {
  it.for(table('good.txt'))('reads %s', ([input = '', registry, repository, tag, digest, familiar]) => {
    const reference = parseReference(input)
    expect(reference).toEqual({ registry, repository, tag: tag || undefined, digest: digest || undefined })
    expect(familiarReference(reference)).toBe(familiar)
    expect(parseReference(formatReference(reference))).toEqual(reference)
    expect(parseReference(familiarReference(reference))).toEqual(reference)
  })

  it.for(table('bad.txt'))('refuses "%s"', ([input = '', code, message]) => {
    const error = caught(() => parseReference(input))
    expect(error.code).toBe(code)
    expect(error.message).toContain(message)
  })

  it('says what to use in place of a URL', () => {
    const error = caught(() => parseReference('https://registry.example.com/team/app:v1'))
    expect(error).toMatchObject({ code: 'REFERENCE_INVALID', hint: 'Use "registry.example.com/team/app:v1"' })
  })

  it('cuts a hostile length out of the message', () => {
    expect(caught(() => parseReference('A'.repeat(100_000))).message.length).toBeLessThan(800)
  })

  it('names the lower-case form', () => {
    expect(caught(() => parseReference('quay.io/Team/App')).hint).toBe('Use "team/app"')
  })
})

describe('derived references', () => {
  const plain = parseReference('quay.io/a/b')

  it('fills in latest only where nothing is said', () => {
    expect(withDefaultTag(plain).tag).toBe('latest')
    expect(withDefaultTag(withTag(plain, 'x')).tag).toBe('x')
    const pinned = withDigest(plain, parseReference(`a@sha256:${'a'.repeat(64)}`).digest ?? expect.fail())
    expect(withDefaultTag(pinned).tag).toBeUndefined()
  })

  it('refuses tags and digests where a repository is asked for', () => {
    expect(caught(() => parseRepository('a:b')).code).toBe('REFERENCE_INVALID')
    expect(caught(() => withTag(plain, 'no tag')).code).toBe('REFERENCE_INVALID')
    expect(parseRepository('a')).toEqual({ registry: 'docker.io', repository: 'library/a' })
  })
})

function caught(action: () => unknown): TsbuildError {
  try {
    action()
  } catch (error) {
    if (error instanceof TsbuildError) return error
    throw error
  }
  return expect.fail('nothing was thrown')
}
