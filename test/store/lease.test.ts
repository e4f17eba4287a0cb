import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openStore } from '../../src/store/store.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tsbuild-lease-'))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

/** Another process that opens the store, claims `work`, prints its lease and waits to be killed. */
async function otherProcess(): Promise<{ readonly lease: number; kill(): Promise<void> }> {
  const script = `
    import { openStore } from ${JSON.stringify(new URL('../../src/store/store.ts', import.meta.url).href)}
    const store = await openStore(${JSON.stringify(root)})
    await store.lease.claim('work')
    store.lease.hold('blob', 'sha256:held')
    console.log(store.lease.id)
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await new Promise<Buffer>((resolve) => child.stdout.once('data', resolve))).toString().split('\n')
  return {
    lease: Number(line),
    kill: () =>
      new Promise((resolve) => {
        child.once('exit', () => resolve())
        child.kill('SIGKILL')
      }),
  }
}

it('leaves no row and no file when nothing was held', async () => {
  using store = await openStore(root)
  expect(store.db.all('SELECT * FROM leases')).toEqual([])
  expect(readdirSync(root)).not.toContain('leases')
})

it('gives up its row, its holds and its lock file at the end', async () => {
  {
    using store = await openStore(root)
    store.lease.hold('blob', 'sha256:x')
    expect(store.db.all('SELECT key FROM holds')).toEqual([{ key: 'sha256:x' }])
  }
  using store = await openStore(root)
  expect(store.db.all('SELECT * FROM leases')).toEqual([])
  expect(store.db.all('SELECT * FROM holds')).toEqual([])
  expect(readdirSync(join(root, 'leases'))).toEqual([])
})

it('makes a second claim of the same process wait for the first', async () => {
  using store = await openStore(root)
  const order: string[] = []
  const first = await store.lease.claim('work')
  const second = (async () => {
    using claim = await store.lease.claim('work')
    order.push(claim === undefined ? 'none' : 'second')
  })()
  order.push('first')
  first[Symbol.dispose]()
  await second
  expect(order).toEqual(['first', 'second'])
})

it('waits for the claim of a living process and takes over that of a killed one', async () => {
  const other = await otherProcess()
  using store = await openStore(root)
  expect(store.dead).toEqual([])
  await expect(store.lease.claim('work', AbortSignal.timeout(300))).rejects.toThrow(/abort|timeout/i)
  await other.kill()
  using claim = await store.lease.claim('work')
  expect(claim).toBeDefined()
})

it('names the leases of killed processes once, and frees what they held', async () => {
  const other = await otherProcess()
  {
    using store = await openStore(root)
    expect(store.db.all('SELECT key FROM holds')).toEqual([{ key: 'sha256:held' }])
  }
  await other.kill()
  {
    using store = await openStore(root)
    expect(store.dead).toEqual([other.lease])
    expect(store.db.all('SELECT * FROM holds')).toEqual([])
  }
  using store = await openStore(root)
  expect(store.dead).toEqual([])
})

it('refuses a store of a newer format and touches nothing in it', async () => {
  {
    using store = await openStore(root)
    store.db.exec('PRAGMA user_version = 999')
  }
  await expect(openStore(root)).rejects.toMatchObject({ code: 'STORE_VERSION' })
})

it('processes that make a store at the same moment all have it', { timeout: 400_000 }, async () => {
  const moments = Array.from({ length: 8 }, (_, at) => Date.now() + 2000 + at * 200)
  const script = `
    import { openStore } from ${JSON.stringify(new URL('../../src/store/store.ts', import.meta.url).href)}
    for (const moment of ${JSON.stringify(moments)}) {
      while (Date.now() < moment);
      using store = await openStore(${JSON.stringify(root)} + moment)
      store.lease.hold('blob', 'sha256:x')
    }`
  try {
    expect(await Promise.all(Array.from({ length: 6 }, () => stderrOf(script)))).toEqual(Array(6).fill(''))
  } finally {
    for (const moment of moments) rmSync(`${root}${moment}`, { recursive: true, force: true })
  }
})

it('processes that come and go at the same time do not disturb each other', { timeout: 400_000 }, async () => {
  const script = `
    import { openStore } from ${JSON.stringify(new URL('../../src/store/store.ts', import.meta.url).href)}
    for (let round = 0; round < 150; round += 1) {
      using store = await openStore(${JSON.stringify(root)})
      store.lease.hold('blob', 'sha256:x')
      store.lease.bury()
    }`
  expect(await Promise.all(Array.from({ length: 5 }, () => stderrOf(script)))).toEqual(Array(5).fill(''))
  using store = await openStore(root)
  expect(store.db.all('SELECT * FROM leases')).toEqual([])
})

/** What a module of its own process says on stderr. */
async function stderrOf(script: string): Promise<string> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'ignore', 'pipe'] })
  let text = ''
  child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()))
  await once(child, 'close')
  return text.replace(/^.*ExperimentalWarning[^]*?\n.*trace-warnings.*\n/m, '')
}
