import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { makePrivateDirectory } from '../../src/base/private-directory.ts'

/** A directory as /tmp is one. */
let shared: string
beforeEach(() => {
  shared = mkdtempSync(join(tmpdir(), 'tsbuild-shared-'))
  chmodSync(shared, 0o1777)
})
afterEach(() => rmSync(shared, { recursive: true, force: true }))

const refused = { code: 'STORE_DENIED', message: expect.stringContaining('is not a directory of yours') as string }

it('makes it for us alone, once', () => {
  const path = join(shared, 'mine', 'deep')
  makePrivateDirectory(path)
  makePrivateDirectory(path)
  expect(statSync(path).mode & 0o777).toBe(0o700)
})

it.skipIf(process.getuid!() !== 0)('refuses what another user has put there', () => {
  mkdirSync(join(shared, 'theirs'))
  chownSync(join(shared, 'theirs'), 12_345, 12_345)
  const path = join(shared, 'theirs', 'run')
  expect(() => makePrivateDirectory(path)).toThrow(expect.objectContaining(refused) as Error)
  expect(existsSync(path)).toBe(false)
})

it.skipIf(process.getuid!() !== 0)('refuses a link of another user', () => {
  mkdirSync(join(shared, 'aim'))
  symlinkSync(join(shared, 'aim'), join(shared, 'link'))
  spawnSync('chown', ['-h', '12345:12345', join(shared, 'link')])
  expect(() => makePrivateDirectory(join(shared, 'link', 'run'))).toThrow(expect.objectContaining(refused) as Error)
})
