import { describe, expect, it } from 'vitest'
import { findCause } from '../../../src/build/solver/cause.ts'
import type { CacheRecord } from '../../../src/build/solver/cache.ts'

const record = (
  name: string,
  facts: Record<string, string>,
  inputs: readonly [string, string, string?][],
): CacheRecord => ({
  definitionKey: 'k',
  kind: 'exec',
  name,
  facts: Object.entries(facts).map(([key, value]) => ({ name: key, value })),
  inputs: inputs.map(([input, identity, content]) => ({
    name: input,
    identity,
    ...(content === undefined ? {} : { content }),
  })),
  identity: 'r',
  createdAt: 0,
})

describe('findCause', () => {
  const earlier = record('RUN make', { command: 'make', 'ENV A': '1', 'ENV B': '2' }, [['base', 'x']])
  it.for([
    [
      'a changed fact',
      { command: 'make', 'ENV A': '9', 'ENV B': '2' },
      'x',
      { kind: 'fact', name: 'ENV A', before: '1', after: '9' },
    ],
    [
      'a new fact',
      { command: 'make', 'ENV A': '1', 'ENV B': '2', 'ENV C': '3' },
      'x',
      { kind: 'fact', name: 'ENV C', after: '3' },
    ],
    ['a fact that is gone', { command: 'make', 'ENV A': '1' }, 'x', { kind: 'fact', name: 'ENV B', before: '2' }],
    [
      'another base',
      { command: 'make', 'ENV A': '1', 'ENV B': '2' },
      'y',
      { kind: 'input', name: 'base', before: 'x', after: 'y' },
    ],
    [
      'an own fact before the base',
      { command: 'mate', 'ENV A': '1', 'ENV B': '2' },
      'y',
      { kind: 'fact', name: 'command' },
    ],
    ['nothing: the result is gone', { command: 'make', 'ENV A': '1', 'ENV B': '2' }, 'x', { kind: 'evicted' }],
  ] as const)('names %s', ([, facts, base, cause]) => {
    const attempt = record('RUN make', facts, [['base', base]])
    expect(findCause(attempt, [earlier])).toMatchObject(cause)
  })

  it('takes the nearest record, not the newest', () => {
    const other = record('RUN echo', { command: 'echo', 'ENV A': '5', 'ENV B': '2' }, [['base', 'z']])
    const attempt = record('RUN make', { command: 'make', 'ENV A': '1', 'ENV B': '3' }, [['base', 'x']])
    expect(findCause(attempt, [other, earlier])).toMatchObject({ kind: 'fact', name: 'ENV B', record: earlier })
  })

  it('compares content where content was compared', () => {
    const old = record('COPY', { op: 'c' }, [['from', 'x', 'digest 1']])
    const attempt = record('COPY', { op: 'c' }, [['from', 'y', 'digest 2']])
    expect(findCause(attempt, [old])).toMatchObject({ kind: 'input', before: 'digest 1', after: 'digest 2' })
  })

  it('says first when nothing is alike', () => {
    const attempt = record('RUN other', { command: 'other', 'ENV X': '1' }, [['base', 'q']])
    expect(findCause(attempt, [earlier])).toEqual({ kind: 'first' })
    expect(findCause(attempt, [])).toEqual({ kind: 'first' })
  })
})
