import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openStore } from '../../src/store/store.ts'
import { asUser, noUsers } from '../helpers/unprivileged.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tsbuild-open-'))
  chmodSync(folder, 0o755)
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

// Defence: makePrivateStore. Without it a setuid program of an image gives its owner's rights to every user of the machine.
describe.skipIf(noUsers !== false)('CVE-2021-41091: what layers hold is out of reach for other users', () => {
  it.for([
    ['that is new', undefined],
    ['of an earlier version', 0o711],
    ['in a folder that is open to all', 0o755],
    ['in a folder that everybody may write', 0o777],
  ] as const)('in a store %s', async ([, mode]) => {
    const root = join(folder, 'store')
    if (mode !== undefined) {
      mkdirSync(root)
      chmodSync(root, mode)
    }
    for (let round = 0; round < 2; round += 1) {
      using store = await openStore(root)
      mkdirSync(join(store.paths.snapshots, '1/fs'), { recursive: true })
      const program = join(store.paths.snapshots, '1/fs/root-shell')
      copyFileSync('/bin/true', program)
      chmodSync(program, 0o4755)
      const tried = (...command: string[]) => spawnSync(asUser[0]!, [...asUser.slice(1), ...command])
      // not by itself: the capabilities of whoever becomes a user end with its first program
      expect(tried('sh', '-c', program).status).not.toBe(0)
      expect(tried('cat', join(root, 'meta.db')).status).not.toBe(0)
      expect(tried('ls', store.paths.snapshots).status).not.toBe(0)
    }
    if (mode !== undefined && mode !== 0o711) expect(statSync(root).mode & 0o777).toBe(mode)
    expect(execFileSync('find', [folder, '-name', 'root-shell'], { encoding: 'utf8' }).trim()).not.toBe('')
  })
})
