import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { unpackedCore } from '../../src/settings/unpacked-core.ts'

const day = 24 * 60 * 60 * 1000
const core = { name: 'core-new', content: Buffer.from('new') }
const now = Date.now()
let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'tsbuild-core-'))))
afterEach(() => rmSync(folder, { recursive: true }))

function file(name: string, age: number, accessed = age): void {
  writeFileSync(join(folder, name), 'old', { mode: 0o755 })
  utimesSync(join(folder, name), (now - accessed * day) / 1000, (now - age * day) / 1000)
}

it('takes those away that nobody has used for long', () => {
  file('core-unused', 40)
  file('core-young', 20)
  file('core-started', 40, 3)
  file('.core-unused.1234', 2)
  file('.core-young.1234', 0)
  file('node', 400)
  expect(unpackedCore(core, [folder], now)).toBe(join(folder, 'core-new'))
  expect(readdirSync(folder).sort()).toEqual(['.core-young.1234', 'core-new', 'core-started', 'core-young', 'node'])
  expect(readFileSync(join(folder, 'core-new'), 'utf8')).toBe('new')
})

it('keeps its own for as long as it is used', () => {
  unpackedCore(core, [folder], now)
  file('core-unused', 0)
  for (let days = 5; days <= 40; days += 5) unpackedCore(core, [folder], now + days * day)
  unpackedCore({ ...core, name: 'core-next' }, [folder], now + 60 * day)
  expect(readdirSync(folder).sort()).toEqual(['core-new', 'core-next'])
})

it('takes a file that others may write for none of ours', () => {
  file('core-new', 0)
  chmodSync(join(folder, 'core-new'), 0o777)
  unpackedCore(core, [folder], now)
  expect(readFileSync(join(folder, 'core-new'), 'utf8')).toBe('new')
})

it('keeps one that runs', async () => {
  copyFileSync('/bin/sleep', join(folder, 'core-running'))
  utimesSync(join(folder, 'core-running'), 0, 0)
  const child = spawn(join(folder, 'core-running'), ['1000'], { argv0: 'sleep' })
  try {
    await once(child, 'spawn')
    utimesSync(join(folder, 'core-running'), 0, 0)
    unpackedCore(core, [folder], now)
    expect(readdirSync(folder).sort()).toEqual(['core-new', 'core-running'])
  } finally {
    child.kill('SIGKILL')
    await once(child, 'close')
  }
  unpackedCore({ ...core, name: 'core-next' }, [folder], now)
  expect(readdirSync(folder).sort()).toEqual(['core-new', 'core-next'])
})

it('goes to the next folder where one cannot be written', () => {
  writeFileSync(join(folder, 'file'), '')
  expect(unpackedCore(core, [join(folder, 'file'), join(folder, 'b')], now)).toBe(join(folder, 'b/core-new'))
  expect(() => unpackedCore(core, [join(folder, 'file')], now)).toThrow(
    expect.objectContaining({ code: 'NATIVE_MISSING' }),
  )
})

it('many at once all have it', async () => {
  for (let count = 0; count < 50; count++) file(`core-unused${count}`, 40)
  const script = `import { unpackedCore } from '${join(import.meta.dirname, '../../src/settings/unpacked-core.ts')}'
for (let round = 0; round < 20; round++) unpackedCore({ name: 'core-' + round, content: Buffer.from('x') }, ['${folder}'], ${now})`
  const children = Array.from({ length: 4 }, () =>
    spawn(process.execPath, ['--conditions=tsbuild-source', '--input-type=module', '-e', script], { stdio: 'inherit' }),
  )
  for (const [status] of await Promise.all(children.map((child) => once(child, 'close')))) expect(status).toBe(0)
  expect(readdirSync(folder)).toHaveLength(20)
  expect(readdirSync(folder).filter((name) => /unused|^\./.test(name))).toEqual([])
})
