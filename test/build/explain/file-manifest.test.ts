import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { changeOfFile, compareManifests, readManifest } from '../../../src/build/explain/file-manifest.ts'
import type { Differences, FileDifference } from '../../../src/build/explain/file-manifest.ts'
import { tempDir } from '../temp-dir.ts'

interface File {
  readonly path: string
  readonly content?: string
  readonly mode?: number
}

function write(files: readonly File[]): string {
  const path = join(tempDir(), 'manifest')
  const records = files.map(({ path: name, content = '', mode = 0o100644 }) => {
    const record = Buffer.alloc(80)
    record.writeUInt32LE(mode, 40)
    record.writeUInt32LE(Buffer.byteLength(name), 44)
    record.write(content, 48)
    return Buffer.concat([record, Buffer.from(name)])
  })
  writeFileSync(path, Buffer.concat([Buffer.from('tsbfile1'), ...records]))
  return path
}

function compare(before: readonly File[], after: readonly File[]): Differences<string> {
  return compareManifests(readManifest(write(before))!, readManifest(write(after))!, changeOfFile)
}

const files = (...paths: readonly string[]): readonly File[] => paths.map((path) => ({ path }))

describe('two manifests', () => {
  it.for<[what: string, before: readonly File[], after: readonly File[], differences: readonly FileDifference[]]>([
    ['that are equal', files('a', 'b'), files('a', 'b'), []],
    ['of which one is empty', [], files('a'), [{ path: 'a', change: 'added' }]],
    [
      'with a file more in a directory that sorts after its sibling',
      files('a', 'a/x', 'a.txt'),
      files('a', 'a/x', 'a/y', 'a.txt'),
      [{ path: 'a/y', change: 'added' }],
    ],
    ['with a file less at the start', files('a', 'b', 'c'), files('b', 'c'), [{ path: 'a', change: 'removed' }]],
    ['of several sources, in an order of their own', files('z', 'a', 'm'), files('a', 'z', 'm'), []],
    [
      'with other content, another mode and another type',
      [{ path: 'a', content: 'x' }, { path: 'b' }, { path: 'c' }],
      [
        { path: 'a', content: 'y' },
        { path: 'b', mode: 0o100755 },
        { path: 'c', mode: 0o40755 },
      ],
      [
        { path: 'a', change: 'content' },
        { path: 'b', change: 'mode' },
        { path: 'c', change: 'type' },
      ],
    ],
  ])('%s', ([, before, after, differences]) => {
    expect(compare(before, after)).toEqual({ count: differences.length, first: differences[0] })
  })

  it('are compared whole, however long they are', () => {
    const many = Array.from({ length: 9000 }, (_, index) => ({
      path: `d${String(index).padStart(5, '0')}/${'n'.repeat(60)}`,
    }))
    const changed = many.with(8765, { path: many[8765]!.path, content: 'new' } as File)
    expect(compare(many, changed)).toEqual({
      count: 1,
      first: { path: many[8765]!.path, change: 'content' },
    })
  })

  it('say nothing when a file is no manifest', () => {
    const path = join(tempDir(), 'other')
    writeFileSync(path, 'something else')
    expect([...readManifest(path)!]).toEqual([])
    expect(readManifest(`${path}-gone`)).toBeUndefined()
  })
})
