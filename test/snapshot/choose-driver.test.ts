import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, utimesSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { NativeError } from '../../src/host/native-error.ts'
import type { Answer, NativeCore } from '../../src/host/native.ts'
import { chooseDriver } from '../../src/snapshot/choose-driver.ts'

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'tsbuild-driver-'))))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** A core in whose place an overlay can be mounted or not, with the verbs that it was asked for. */
function coreOf(mounts: boolean): { readonly native: NativeCore; readonly verbs: string[] } {
  const verbs: string[] = []
  const call = async (verb: string, plan: Answer): Promise<Answer> => {
    verbs.push(verb)
    if (verb === 'files' && !mounts) throw new NativeError('files', { code: 'NATIVE_FAILED', errno: 'EINVAL' })
    if (verb === 'remove')
      for (const name of plan['names'] as readonly string[]) rmSync(join(folder, 'store', name), { recursive: true })
    return {}
  }
  return { native: { call } as unknown as NativeCore, verbs }
}

function placeFor(native: NativeCore): Parameters<typeof chooseDriver>[1] {
  mkdirSync(join(folder, 'store'), { recursive: true })
  return { root: join(folder, 'store'), memory: join(folder, 'run', 'storage-driver'), native }
}

it.for([
  [true, 'overlay'],
  [false, 'copy'],
] as const)('an overlay that can be mounted: %s, gives %s; it is tried once', async ([mounts, name]) => {
  const { native, verbs } = coreOf(mounts)
  const place = placeFor(native)
  expect((await chooseDriver(undefined, place)).name).toBe(name)
  expect((await chooseDriver(undefined, place)).name).toBe(name)
  expect(verbs).toEqual(['files', 'remove'])
  expect(JSON.parse(readFileSync(place.memory, 'utf8'))).toMatchObject({ driver: name })
  expect([readdirSync(place.root), readdirSync(join(folder, 'run'))]).toEqual([[], ['storage-driver']])
})

it('one that is named is not tried', async () => {
  const { native, verbs } = coreOf(true)
  expect((await chooseDriver('copy', placeFor(native))).name).toBe('copy')
  expect(verbs).toEqual([])
})

it('what a killed trial left goes with the next one, but not another trial at work', async () => {
  const { native } = coreOf(true)
  const place = placeFor(native)
  mkdirSync(join(place.root, 'overlay-killed/work'), { recursive: true })
  utimesSync(join(place.root, 'overlay-killed'), 0, 0)
  mkdirSync(join(place.root, 'overlay-atwork'))
  await chooseDriver(undefined, place)
  expect(readdirSync(place.root)).toEqual(['overlay-atwork'])
})
