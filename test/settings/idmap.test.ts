import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { groupIds, rootlessIdMap } from '../../src/settings/idmap.ts'

let etc: string
beforeEach(() => {
  etc = mkdtempSync(join(tmpdir(), 'tsbuild-etc-'))
})
afterEach(() => rmSync(etc, { recursive: true, force: true }))

it('makes the user root and adds its ranges in their order', () => {
  writeFileSync(join(etc, 'subuid'), 'other:100000:65536\n4321:200000:1000\nbroken\n4321:400000:65536\n4321:x:1\n')
  writeFileSync(join(etc, 'subgid'), '4321:300000:65536\n')
  expect(rootlessIdMap(etc, 4321, 4321)).toEqual({
    uid: [
      [0, 4321, 1],
      [1, 200_000, 1000],
      [1001, 400_000, 65_536],
    ],
    gid: [
      [0, 4321, 1],
      [1, 300_000, 65_536],
    ],
  })
})

it('is a single id without ranges', () => {
  expect(rootlessIdMap(etc, 4321, 99)).toEqual({ uid: [[0, 4321, 1]], gid: [[0, 99, 1]] })
})

it('counts the groups that exist', () => {
  expect(groupIds({ uid: [[0, 4321, 1]], gid: [[0, 99, 1]] })).toBe(1)
  expect(
    groupIds({
      uid: [],
      gid: [
        [1, 300_000, 65_536],
        [0, 99, 1],
        [100_000, 1, 1],
      ],
    }),
  ).toBe(65_537)
  const map = join(etc, 'gid_map')
  writeFileSync(map, '         0          0 4294967295\n')
  expect(groupIds(undefined, map)).toBe(4_294_967_295)
})
