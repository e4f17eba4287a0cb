import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { commitLayer } from '../../src/container/commit.ts'
import { markStopped } from '../../src/container/stop-mark.ts'
import { pauseContainer, unpauseContainer } from '../../src/container/stop.ts'
import { settledByName } from '../../src/container/settle.ts'
import { openEngine } from '../../src/engine/engine.ts'
import type { Engine } from '../../src/engine/engine.ts'
import { logs } from '../../src/engine/logs.ts'
import { networkConnect, networkDisconnect } from '../../src/engine/network-connect.ts'
import { update } from '../../src/engine/update.ts'
import { readSettings } from '../../src/settings/read-settings.ts'
import { image, openContainerCli } from '../helpers/container-cli.ts'
import { noContainers } from '../helpers/runtime-bundle.ts'
import type { Cli } from '../helpers/tsbuild.ts'

const context = { emit: () => {}, signal: new AbortController().signal }

describe.skipIf(noContainers)('changes of one container at once', () => {
  let cli: Cli
  let engine: Engine
  beforeEach(async () => {
    cli = await openContainerCli()
    engine = await openEngine(await readSettings({ env: (name) => cli.environment[name], cwd: '/', root: cli.root }))
  })
  afterEach(async () => {
    await engine[Symbol.asyncDispose]()
    await cli.ok('rm', '-f', 'box')
    await cli[Symbol.asyncDispose]()
  })

  it('do not undo each other', async () => {
    await cli.ok('create', '--name', 'box', image, 'true')
    for (const name of ['one', 'two', 'three']) await cli.ok('network', 'create', name)
    const wish = { container: 'box', aliases: [], ip: null, ip6: null, links: [] }
    const connect = (network: string): Promise<void> => networkConnect(engine, { ...wish, network }, context)
    await connect('three')
    await Promise.all([
      connect('one'),
      connect('two'),
      update(engine, { name: 'box', limits: {}, restart: { policy: 'always', maxRetries: 0 } }, context),
      networkDisconnect(engine, { network: 'three', container: 'box', force: false }, context),
    ])
    const { spec } = engine.containers.records.resolve('box')
    expect(spec.network.endpoints.map(({ network }) => network).toSorted()).toEqual(['bridge', 'one', 'two'])
    expect(spec.restart.policy).toBe('always')
  })

  it('a commit ends well when its container is resumed meanwhile', async () => {
    await cli.ok('run', '-d', '--name', 'box', image, 'sh', '-c', 'echo text > /file; sleep 1000')
    const { containers } = engine
    const { container } = await settledByName(containers, 'box')
    try {
      await pauseContainer(containers, container)
    } catch (error) {
      console.warn('skipped: nothing can be paused here', error)
      return
    }
    await unpauseContainer(containers, container)
    const resuming: typeof containers = {
      ...containers,
      native: {
        ...containers.native,
        async call(verb, ...rest) {
          if (verb === 'changes') await unpauseContainer(containers, container)
          return containers.native.call(verb, ...rest)
        },
      },
    }
    const layer = await commitLayer(resuming, container, { pause: true, signal: context.signal })
    expect(layer?.id).not.toBe(container.snapshot)
    expect((await settledByName(containers, 'box')).state.status).toBe('running')
  })

  it('logs that are not followed leave nothing behind that an interrupt could hit', async () => {
    await cli.ok('run', '-d', '--name', 'box', image, 'sh', '-c', 'echo one; sleep 1000')
    const stop = new AbortController()
    const connected = vi.spyOn(engine.containers, 'runDirectory')
    const { entries } = await logs(engine, { name: 'box', follow: false }, { ...context, signal: stop.signal })
    await Array.fromAsync(entries)
    connected.mockClear()
    await delay(200) // who waits for the end of the container looks at it again and again
    expect(connected).not.toHaveBeenCalled()
    stop.abort()
  })

  it('a stop is not remembered of a container that is gone', async () => {
    await cli.ok('create', '--name', 'box', image, 'true')
    expect(() => markStopped({ directory: () => '/nowhere' }, 'gone')).not.toThrow()
  })
})
