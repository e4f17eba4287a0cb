import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openStore } from '../../src/store/store.ts'
import type { Store } from '../../src/store/store.ts'
import { withAddress } from '../../src/volume/local-driver.ts'
import { createVolumeService } from '../../src/volume/volume-service.ts'
import type { VolumeService } from '../../src/volume/volume-service.ts'
import { testCore } from '../helpers/core.ts'

let root: string
let store: Store
let volumes: VolumeService
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'tsbuild-volume-'))
  store = await openStore(root)
  volumes = createVolumeService(store, testCore())
})
afterEach(() => {
  store[Symbol.dispose]()
  rmSync(root, { recursive: true, force: true })
})

function addContainer(id: string): void {
  store.db.run(
    `INSERT INTO containers (id, name, state, created_at, image, record) VALUES (?, ?, 'ready', 0, 'x', '{}')`,
    id,
    `name-${id}`,
  )
}

it('makes a place for data, once', () => {
  const made = volumes.create({ name: 'data', labels: { a: 'b' } })
  expect(volumes.mountpoint('data')).toBe(join(root, 'volumes/data/_data'))
  expect(existsSync(volumes.mountpoint('data'))).toBe(true)
  expect(volumes.create({ name: 'data' })).toEqual(made)
  expect(volumes.records.list()).toEqual([made])
})

it('names anonymous volumes by 64 hex digits', () => {
  const { name, anonymous } = volumes.create({})
  expect(name).toMatch(/^[0-9a-f]{64}$/)
  expect(anonymous).toBe(true)
})

it('refuses names that lead elsewhere', () => {
  for (const name of ['..', 'a/b', '', '.x', 'x'.repeat(256)]) {
    expect(() => volumes.create({ name })).toThrow(expect.objectContaining({ code: 'VOLUME_INVALID' }))
  }
  expect(volumes.records.list()).toEqual([])
})

it('refuses other options for a volume that exists', () => {
  volumes.create({ name: 'data', options: { type: 'tmpfs' } })
  expect(() => volumes.create({ name: 'data', options: { type: 'tmpfs', o: 'size=1m' } })).toThrow(
    expect.objectContaining({ code: 'VOLUME_EXISTS' }),
  )
  expect(() => volumes.create({ name: 'other', options: { size: '1' } })).toThrow(
    expect.objectContaining({ code: 'VOLUME_INVALID', message: expect.stringContaining('"size"') }),
  )
})

it('does not remove a volume that a container uses, and says whose it is', async () => {
  addContainer('c1')
  volumes.createFor('c1', { name: 'data' })
  writeFileSync(join(volumes.mountpoint('data'), 'kept'), '')
  await expect(volumes.remove('data')).rejects.toMatchObject({ code: 'VOLUME_IN_USE', details: { containers: ['c1'] } })
  expect(existsSync(join(volumes.mountpoint('data'), 'kept'))).toBe(true)
  store.db.run('DELETE FROM containers')
  await volumes.remove('data')
  expect(existsSync(join(root, 'volumes/data'))).toBe(false)
  await expect(volumes.remove('data')).rejects.toMatchObject({ code: 'VOLUME_NOT_FOUND' })
})

it('a new volume of the name of one that is being removed has nothing to do with it', async () => {
  volumes.create({ name: 'data' })
  writeFileSync(join(volumes.mountpoint('data'), 'old'), '')
  const removed = volumes.remove('data')
  volumes.create({ name: 'data' })
  expect(readdirSync(volumes.mountpoint('data'))).toEqual([])
  writeFileSync(join(volumes.mountpoint('data'), 'new'), '')
  await removed
  expect(readdirSync(volumes.mountpoint('data'))).toEqual(['new'])
  expect(readdirSync(join(root, 'volumes'))).toEqual(['data'])
})

it('the data of a volume whose removal was killed go with the next one', async () => {
  const killed = createVolumeService(store, { ...testCore(), call: () => Promise.reject(new Error('killed')) })
  for (const name of ['first', 'second']) volumes.create({ name })
  writeFileSync(join(volumes.mountpoint('first'), 'old'), '')
  await expect(killed.remove('first')).rejects.toThrow('killed')
  expect(readdirSync(volumes.mountpoint(volumes.create({ name: 'first' }).name))).toEqual([])
  await volumes.remove('second')
  expect(readdirSync(join(root, 'volumes'))).toEqual(['first'])
})

it('a server of a volume may be named', async () => {
  const options = ['rw', 'addr=127.0.0.1', 'addr=::1', 'vers=4']
  expect(await withAddress(options)).toEqual(options)
  expect(await withAddress(['addr=localhost', 'rw'])).toEqual([
    expect.stringMatching(/^addr=(127\.0\.0\.1|::1)$/),
    'rw',
  ])
  await expect(withAddress(['addr=nowhere.invalid'])).rejects.toMatchObject({
    code: 'VOLUME_INVALID',
    message: 'error resolving passed in network volume address: nowhere.invalid',
  })
})
