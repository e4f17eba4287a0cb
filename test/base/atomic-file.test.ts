import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { writeFileAtomic } from '../../src/base/atomic-file.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tsbuild-atomic-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

it('replaces the file and sets its mode, whatever the umask', async () => {
  const path = join(directory, 'config.json')
  writeFileSync(path, 'old')
  await writeFileAtomic(path, 'new', { mode: 0o666 })
  expect(readFileSync(path, 'utf8')).toBe('new')
  expect(statSync(path).mode & 0o777).toBe(0o666)
})

it('leaves nothing when it fails', async () => {
  await expect(writeFileAtomic(join(directory, 'a', 'b'), 'x')).rejects.toMatchObject({ code: 'ENOENT' })
  expect(readdirSync(directory)).toEqual([])
})
