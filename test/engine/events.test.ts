import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openEngine } from '../../src/engine/engine.ts'
import type { Engine } from '../../src/engine/engine.ts'
import { events } from '../../src/engine/events.ts'
import { readSettings } from '../../src/settings/read-settings.ts'
import { eventLog } from '../../src/store/event-log.ts'

let root: string
let engine: Engine
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'tsbuild-events-'))
  const run = join(root, 'run')
  const env = (name: string): string | undefined => (name === 'TSBUILD_RUN_ROOT' ? run : undefined)
  engine = await openEngine(await readSettings({ env, cwd: '/', root: join(root, 'store') }))
})
afterEach(async () => {
  await engine[Symbol.asyncDispose]()
  rmSync(root, { recursive: true, force: true })
})

const longAgo = new Date(0)

it.for([
  [['label=tier'], ['one', 'two']],
  [['label=tier=a=b'], ['one']],
  [['label=tier=a'], []],
  [['label=tier', 'label=team=x'], ['two']],
  [['label=constructor'], []],
  [
    ['event=start', 'event=stop', 'type=container'],
    ['one', 'two'],
  ],
] as const)('%j shows %j', async ([filters, actors]) => {
  const log = eventLog(engine.store.db)
  const record = (actor: string, action: string, attributes: Readonly<Record<string, string>>): void =>
    log.record({ type: 'container', action, actor, attributes })
  record('one', 'start', { tier: 'a=b' })
  record('two', 'stop', { tier: 'c', team: 'x' })
  record('three', 'pause', { team: 'x' })
  const context = { emit: () => {}, signal: new AbortController().signal }
  const seen = await Array.fromAsync(events(engine, { filters, since: longAgo, until: new Date() }, context))
  expect(seen.map(({ actor }) => actor)).toEqual(actors)
})
