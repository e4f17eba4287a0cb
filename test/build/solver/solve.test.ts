import { describe, expect, it } from 'vitest'
import { TsbuildError } from '../../../src/base/errors.ts'
import { StaleInput } from '../../../src/build/solver/operation.ts'
import type { RunContext } from '../../../src/build/solver/operation.ts'
import { solve } from '../../../src/build/solver/solve.ts'
import { World } from './fakes.ts'

describe('solve', () => {
  it('runs what is unknown once and knows it the next time', async () => {
    const world = new World()
    const base = world.vertex({ name: 'base', image: 'os' })
    const target = world.vertex({ name: 'b' }, [world.vertex({ name: 'a' }, [base])])
    const first = await solve([target], world.options())
    expect(world.ran).toEqual(['base', 'a', 'b'])
    expect(first.steps.map((step) => step.status)).toEqual(['ran', 'ran', 'ran'])

    world.ran.length = 0
    world.events.length = 0
    const second = await solve([target], world.options())
    expect(world.ran).toEqual([])
    expect(second.results).toEqual(first.results)
    expect(second.steps.map(({ status, createdAt }) => [status, createdAt])).toEqual(
      first.steps.map(({ createdAt }) => ['cached', createdAt]),
    )
    expect(world.states('a')).toEqual(['cached'])
  })

  it('does not fetch an image whose users are all known, and says so', async () => {
    const world = new World()
    const target = world.vertex({ name: 'a' }, [world.vertex({ name: 'base', image: 'os' })])
    const { results } = await solve([target], world.options())
    world.evicted.add([...world.texts.keys()][0]!)
    world.ran.length = 0
    const again = await solve([target], world.options())
    expect(world.ran).toEqual([])
    expect(again.results).toEqual(results)
    expect(again.steps.map((step) => step.status)).toEqual(['unused', 'cached'])
  })

  it('runs equal vertices once', async () => {
    const world = new World()
    const shared = (): ReturnType<World['vertex']> => world.vertex({ name: 'shared' }, [null])
    await solve([world.vertex({ name: 'x' }, [shared()]), world.vertex({ name: 'y' }, [shared()])], world.options())
    expect(world.ran.filter((name) => name === 'shared')).toHaveLength(1)
  })

  it('runs vertices of equal key once although their descriptions differ', async () => {
    const world = new World()
    world.outputs = { one: 'same', two: 'same' }
    const one = world.vertex({ name: 'one' })
    const two = world.vertex({ name: 'two' })
    await solve([world.vertex({ name: 'user' }, [one]), world.vertex({ name: 'user' }, [two])], world.options())
    expect(world.ran.filter((name) => name === 'user')).toHaveLength(1)
  })

  it('runs independent vertices side by side, never more than the limiter allows', async () => {
    const world = new World()
    let now = 0
    let most = 0
    const names = ['a', 'b', 'c', 'd']
    for (const name of names) {
      world.effects[name] = async () => {
        most = Math.max(most, ++now)
        await new Promise((resolve) => setTimeout(resolve, 5))
        now--
      }
    }
    await solve(
      [
        world.vertex(
          { name: 'all' },
          names.map((name) => world.vertex({ name })),
        ),
      ],
      world.options(2),
    )
    expect(most).toBe(2)
  })

  it('stops at a step whose result did not change', async () => {
    const world = new World()
    const child = (parent: string): ReturnType<World['vertex']> =>
      world.vertex({ name: 'child' }, [world.vertex({ name: parent })])
    world.outputs = { before: 'equal', after: 'equal' }
    await solve([child('before')], world.options())
    await solve([child('after')], world.options())
    expect(world.ran).toEqual(['before', 'child', 'after'])
  })

  it('compares only the selected content of an input', async () => {
    const world = new World()
    world.parts = (_text, selector) => selector
    const copy = (source: string): ReturnType<World['vertex']> =>
      world.vertex({ name: 'copy', reads: { 1: 'bin' } }, [null, world.vertex({ name: source })])
    const first = await solve([copy('build 1')], world.options())
    const second = await solve([copy('build 2')], world.options())
    expect(world.ran).toEqual(['build 1', 'copy', 'build 2'])
    expect(second.results).toEqual(first.results)
    // The alias makes the third build independent of the source's files.
    for (const [chain, text] of world.texts) if (text.startsWith('build')) world.evicted.add(chain)
    await solve([copy('build 2')], world.options())
    expect(world.ran).toHaveLength(3)
  })

  it('makes evicted results again only where they are needed', async () => {
    const world = new World()
    const target = (last: string): ReturnType<World['vertex']> =>
      world.vertex({ name: last }, [world.vertex({ name: 'a' }), world.vertex({ name: 'b' })])
    await solve([target('x')], world.options())
    for (const [chain, text] of world.texts) if (text === 'a()') world.evicted.add(chain)
    world.ran.length = 0
    await solve([target('x')], world.options())
    expect(world.ran).toEqual([])
    const { steps } = await solve([target('y')], world.options())
    expect(world.ran).toEqual(['a', 'y'])
    expect(steps.find((step) => step.vertex.label.name === 'a')?.cause?.kind).toBe('evicted')
    expect(world.states('b')).toContain('cached')
  })

  it('runs again what is told to ignore the cache, and only that', async () => {
    const world = new World()
    const target = (ignore: boolean): ReturnType<World['vertex']> =>
      world.vertex({ name: 'b' }, [world.vertex({ name: 'a' }, [], ignore)])
    await solve([target(false)], world.options())
    const { steps } = await solve([target(true)], world.options())
    expect(world.ran).toEqual(['a', 'b', 'a'])
    expect(steps.map((step) => step.cause?.kind)).toEqual(['ignored', undefined])
  })

  it('gives a step what its nearest earlier form made, while that is there', async () => {
    const world = new World()
    const earlier: unknown[] = []
    const note = async (context: RunContext): Promise<void> => void earlier.push(context.earlier?.snapshot.chainId)
    const target = (base: string): ReturnType<World['vertex']> =>
      world.vertex({ name: 'copy' }, [world.vertex({ name: base, image: base })])
    world.effects['copy'] = note
    const { results } = await solve([target('old')], world.options())
    await solve([target('new')], world.options())
    for (const [chain, text] of world.texts) if (text.startsWith('copy')) world.evicted.add(chain)
    await solve([target('third')], world.options())
    expect(earlier).toEqual([undefined, results[0]?.chainId, undefined])
  })

  it('does a step again when what it read has changed, and gives up when that does not end', async () => {
    const world = new World()
    let changes = 2
    world.effects['copy'] = async () => {
      if (changes-- > 0) throw new StaleInput('it changed')
    }
    await solve([world.vertex({ name: 'copy' })], world.options())
    expect(world.ran).toEqual(['copy', 'copy', 'copy'])
    changes = Infinity
    await expect(solve([world.vertex({ name: 'copy' }, [null])], world.options())).rejects.toMatchObject({
      code: 'FILE_CHANGED',
    })
    expect(world.ran.length).toBeLessThan(10)
    expect(world.records).toHaveLength(1)
  })

  it('stops everything at the first failure and reports that one', async () => {
    const world = new World()
    let stopped = false
    world.effects['slow'] = ({ signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () =>
          setTimeout(() => {
            stopped = true
            reject(signal.reason)
          }, 5),
        )
      })
    world.effects['bad'] = async () => {
      throw new TsbuildError('PROCESS_FAILED', 'exit 3')
    }
    const target = world.vertex({ name: 'last' }, [world.vertex({ name: 'slow' }), world.vertex({ name: 'bad' })])
    await expect(solve([target], world.options())).rejects.toMatchObject({ code: 'PROCESS_FAILED' })
    expect(stopped).toBe(true)
    expect(world.ran).not.toContain('last')
    expect(world.states('slow')).toEqual(['running', 'cancelled'])
    expect(world.states('bad')).toEqual(['running', 'failed'])
    expect(world.states('last')).toEqual([])
    expect(world.records).toEqual([])
  })

  it('ends with CANCELLED after an abort, when all steps have ended', async () => {
    const world = new World()
    const abort = new AbortController()
    let ended = false
    world.effects['slow'] = ({ signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () =>
          setTimeout(() => {
            ended = true
            reject(signal.reason)
          }, 5),
        )
        abort.abort()
      })
    await expect(solve([world.vertex({ name: 'slow' })], world.options(2, abort.signal))).rejects.toMatchObject({
      code: 'CANCELLED',
    })
    expect(ended).toBe(true)
    expect(world.records).toEqual([])
  })

  it('names the step of a failure through explainFailure', async () => {
    const world = new World()
    world.effects['bad'] = async () => {
      throw new Error('raw')
    }
    const options = {
      ...world.options(),
      explainFailure: (vertex: { label: { name: string } }) => new Error(`in ${vertex.label.name}`),
    }
    await expect(solve([world.vertex({ name: 'bad' })], options)).rejects.toThrow('in bad')
  })
})
