import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { cannotBuild, openBuilder } from './builder.ts'
import type { CacheTarget } from '../../src/build/options/cache-option.ts'
import { tempDir } from './temp-dir.ts'

const text = (line = 'true'): string => `FROM base AS make
RUN cat /proc/sys/kernel/random/uuid > /made; echo noise > /noise
FROM base
COPY --from=make /made /made
RUN --mount=type=cache,target=/c cat /made >> /c/log; cat /c/log > /log; ${line}`

function folder(path: string, mode: 'min' | 'max', mounts = false): CacheTarget {
  return { kind: 'local', path, mode, mounts, compression: 'gzip', ignoreError: false }
}

describe.skipIf(cannotBuild !== false)('a cache in a folder', () => {
  it.for(['min', 'max'] as const)('of mode %s brings an empty store to the same image', async (mode) => {
    const path = tempDir()
    await using one = await openBuilder()
    const first = await one.build(text(), { cacheTo: [folder(path, mode)] })
    await using two = await openBuilder()
    const second = await two.build(text(), { cacheFrom: [{ kind: 'local', path }] })
    expect(second.images[0]?.id).toBe(first.images[0]?.id)
    expect(two.ran(second)).toEqual([])
    expect(await two.read(second, '/made')).toBe(await one.read(first, '/made'))
    // The store has learnt it.
    expect(two.ran(await two.build(text()))).toEqual([])
  })

  it('of mode max has the files of every step, of mode min only those of the result', async () => {
    await using one = await openBuilder()
    for (const [mode, ran] of [
      ['min', ['RUN cat /proc/sys/kernel/random/uuid > /made; echo noise > /noise', 'COPY --from=make /made /other']],
      ['max', ['COPY --from=make /made /other']],
    ] as const) {
      const path = tempDir()
      await one.build(text(), { cacheTo: [folder(path, mode)] })
      await using two = await openBuilder()
      const other =
        'FROM base AS make\nRUN cat /proc/sys/kernel/random/uuid > /made; echo noise > /noise\nFROM base\nCOPY --from=make /made /other'
      expect(two.ran(await two.build(other, { cacheFrom: [{ kind: 'local', path }] }))).toEqual(ran)
    }
  })

  it('carries cache mounts', async () => {
    const path = tempDir()
    await using one = await openBuilder()
    const first = await one.build(text(), { cacheTo: [folder(path, 'max', true)] })
    const made = await one.read(first, '/made')
    await using two = await openBuilder()
    const second = await two.build(text('echo more'), { cacheFrom: [{ kind: 'local', path }] })
    expect(await two.read(second, '/log')).toBe(made + made)
  })

  it.for<[string, (path: string) => void, boolean]>([
    ['is missing', (path) => rmSync(path, { recursive: true }), true],
    ['is not one', (path) => writeFileSync(join(path, 'index.json'), '{}'), true],
    ['has lost its layers', (path) => shorten(path, (size) => size < 4000), false],
  ])('that %s costs time, not the build', async ([, spoil, atStart]) => {
    const path = tempDir()
    await using one = await openBuilder()
    await one.build(text(), { cacheTo: [folder(path, 'max')] })
    spoil(path)
    await using two = await openBuilder()
    const result = await two.build(text(), { cacheFrom: [{ kind: 'local', path }] })
    expect(await two.read(result, '/log')).toBe(await two.read(result, '/made'))
    const warnings = two.events.flatMap((event) => (event.kind === 'notice' ? [event.text] : []))
    expect(warnings.some((warning) => warning.includes(atStart ? 'is not used' : 'cannot be fetched'))).toBe(true)
    expect(two.leftovers()).toEqual([])
  })
})

/** Cuts the blobs that are no documents. */
function shorten(path: string, fits: (size: number) => boolean): void {
  const blobs = join(path, 'blobs/sha256')
  for (const name of readdirSync(blobs)) {
    const bytes = readFileSync(join(blobs, name))
    if (bytes[0] !== 0x7b && fits(bytes.length)) writeFileSync(join(blobs, name), bytes.subarray(0, bytes.length - 8))
  }
}
