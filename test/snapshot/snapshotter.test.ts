import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { LayerFacts } from '../../src/host/native.ts'
import { chainId, sha256 } from '../../src/oci/digest.ts'
import type { ChainId } from '../../src/oci/digest.ts'
import { copyDriver, overlayDriver } from '../../src/snapshot/driver.ts'
import type { Driver } from '../../src/snapshot/driver.ts'
import { openSnapshotter } from '../../src/snapshot/open-snapshotter.ts'
import type { Snapshot, Snapshotter } from '../../src/snapshot/snapshotter.ts'
import { openStore } from '../../src/store/store.ts'
import type { Store } from '../../src/store/store.ts'
import { testCore } from '../helpers/core.ts'

let root: string
let store: Store
let snapshots: Snapshotter
let driver: Driver
async function open(): Promise<void> {
  store = await openStore(root)
  snapshots = await openSnapshotter(store, testCore(), driver)
}
async function close(): Promise<void> {
  await snapshots[Symbol.asyncDispose]()
  store[Symbol.dispose]()
}
/** Ends without the flush that closing starts. */
async function crash(): Promise<void> {
  store[Symbol.dispose]()
  await open()
}
async function reopen(): Promise<void> {
  await close()
  await open()
}
async function start(): Promise<void> {
  root = mkdtempSync(join(tmpdir(), 'tsbuild-snapshot-'))
  await open()
}
afterEach(async () => {
  // Nothing to flush: a flush would go on alone while the folder is removed.
  store.db.run('UPDATE snapshots SET synced = 1')
  await close()
  rmSync(root, { recursive: true, force: true, maxRetries: 20 })
})

const facts = (name: string): LayerFacts => ({ diffId: sha256(name), size: 1024, entries: 1, bytes: 10 })
const directories = (): string[] => readdirSync(join(root, 'snapshots')).sort()

async function layer(parent: Snapshot | null, name: string): Promise<Snapshot> {
  await using active = await snapshots.prepare(parent?.id ?? null)
  return active.commit(facts(name))
}

describe.for([overlayDriver, copyDriver])('the driver $name', (tested) => {
  beforeEach(async () => {
    driver = tested
    await start()
  })

  it('makes a layer of nothing but its own, whatever lies where it is to be', async () => {
    mkdirSync(join(root, 'snapshots/1/fs'), { recursive: true })
    writeFileSync(join(root, 'snapshots/1/fs/left'), 'by a store whose database was lost')
    await using active = await snapshots.prepare(null)
    expect(active.id).toBe(1)
    expect(readdirSync(join(root, 'snapshots/1'))).toEqual(['fs', 'work'])
    expect(readdirSync(join(root, 'snapshots/1/fs'))).toEqual([])
  })

  describe('committing', () => {
    it('names the stack by ChainID and finds it again', async () => {
      const base = await layer(null, 'base')
      const top = await layer(base, 'top')
      expect(top.chainId).toBe(chainId(base.chainId, sha256('top')))
      expect(snapshots.byChain(top.chainId)).toEqual(top)
      expect(snapshots.diffIds(top.id)).toEqual([sha256('base'), sha256('top')])
      expect(snapshots.chain(top.id)).toEqual([base, top])
    })

    it('gives the existing snapshot of an equal stack and removes the second directory', async () => {
      const first = await layer(null, 'base')
      const second = await layer(null, 'base')
      expect(second).toEqual(first)
      await reopen()
      expect(directories()).toEqual([String(first.id)])
    })

    it('puts layers unpacked side by side onto their parent', async () => {
      await using upper = await snapshots.prepareDetached()
      const base = await layer(null, 'base')
      const top = await upper.commit(base, facts('top'))
      expect(snapshots.diffIds(top.id)).toEqual([sha256('base'), sha256('top')])
      expect(snapshots.view(top.id)).toMatchObject({
        kind: 'layers',
        lower: [top.id, base.id].map((id) => join(root, 'snapshots', String(id), 'fs')),
      })
    })
  })

  it('tells what layers stand on, the lower ones first, whichever was made first', async () => {
    await using upper = await snapshots.prepareDetached()
    const base = await layer(null, 'base')
    const top = await upper.commit(base, facts('top'))
    const other = await layer(base, 'other')
    await layer(null, 'alone')
    expect(top.id).toBeLessThan(base.id)
    expect(snapshots.standOn([top.id, other.id])).toEqual([base, top, other])
    expect(snapshots.bytesOf([base.chainId, sha256('none') as ChainId])).toEqual(new Map([[base.chainId, 10]]))
    await using writable = await snapshots.prepare(top.id)
    expect(snapshots.standOn([writable.id])).toEqual([base, top])
  })

  describe('an active snapshot', () => {
    it('is removed when it is not committed, with all others when the snapshotter closes', async () => {
      for (const _ of [1, 2]) {
        await using active = await snapshots.prepare(null)
        expect(directories()).toContain(String(active.id))
      }
      await snapshots[Symbol.asyncDispose]()
      expect(directories()).toEqual([])
      expect(store.db.all('SELECT id FROM snapshots')).toEqual([])
    })

    it('of a process that died is removed at the next opening', async () => {
      const active = await snapshots.prepare(null)
      store.db.run('UPDATE snapshots SET lease = 999')
      store.db.run('INSERT INTO leases (id, boot_id, created_at) VALUES (999, ?, 0)', 'x')
      expect(directories()).toEqual([String(active.id)])
      await reopen()
      expect(directories()).toEqual([])
    })

    it('kept for a container outlives the process until it is discarded', async () => {
      const base = await layer(null, 'base')
      const active = await snapshots.prepare(base.id)
      active.keep('container')
      await active[Symbol.asyncDispose]()
      await reopen()
      expect(await snapshots.sweep(new Set())).toEqual([])
      expect(snapshots.containerTree(active.id)).toMatchObject({
        lower: [join(root, 'snapshots', String(base.id), 'fs')],
        upper: join(root, 'snapshots', String(active.id), 'fs'),
      })
      await snapshots.discard(active.id)
      await snapshots.discard(active.id)
      expect(directories()).toEqual([String(base.id)])
    })
  })

  describe('sweeping', () => {
    it('takes what no root, container or living process needs', async () => {
      const base = await layer(null, 'base')
      const kept = await layer(base, 'kept')
      const unused = await layer(base, 'unused')
      expect(await snapshots.sweep(new Set())).toEqual([])
      await reopen()
      expect(await snapshots.sweep(new Set([kept.id]))).toEqual([unused])
      expect(directories()).toEqual([String(base.id), String(kept.id)].sort())
    })

    it('finishes a removal that was interrupted', async () => {
      const base = await layer(null, 'base')
      store.db.run(`UPDATE snapshots SET state = 'removing', chain_id = NULL WHERE id = ?`, base.id)
      await reopen()
      expect(directories()).toEqual([])
    })
  })

  describe('after a crash of the machine', () => {
    it('believes layers that were flushed after the command had ended', async () => {
      const base = await layer(null, 'base')
      await close()
      await vi.waitFor(
        () => expect(readdirSync(join(root, 'flushed'))).toEqual([expect.stringMatching(/^\d+-[-0-9a-f]+$/)]),
        30_000,
      )
      await open()
      store.db.run('UPDATE snapshots SET boot_id = ?', 'an earlier boot')
      await reopen()
      expect(snapshots.list()).toEqual([base])
      expect(readdirSync(join(root, 'flushed'))).toEqual([])
    })

    it('does not believe layers that were never flushed, nor what stands on them', async () => {
      const flushed = await layer(null, 'flushed')
      store.db.run('UPDATE snapshots SET synced = 1')
      const lost = await layer(flushed, 'lost')
      await layer(lost, 'on lost')
      store.db.run('UPDATE snapshots SET boot_id = ?', 'an earlier boot')
      await crash()
      expect(snapshots.list()).toEqual([flushed])
      expect(directories()).toEqual([String(flushed.id)])
    })
  })
})
