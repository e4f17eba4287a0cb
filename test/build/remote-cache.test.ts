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
  return {
    kind: 'local',
    path,
    tag: 'latest',
    reset: false,
    mode,
    mounts,
    compression: { kind: 'gzip' },
    ignoreError: false,
  }
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

describe.skipIf(cannotBuild !== false)('a folder', () => {
  const caches = (path: string): readonly { digest: string; annotations: Record<string, string> }[] =>
    (JSON.parse(readFileSync(join(path, 'index.json'), 'utf8')) as { manifests: [] }).manifests
  const line = (text: string): string => `FROM base\nRUN cat /proc/sys/kernel/random/uuid > /${text}`
  const local = (path: string, tag: string, reset = false): CacheTarget => ({
    ...folder(path, 'max'),
    kind: 'local',
    path,
    tag,
    reset,
  })

  it('holds caches of several tags, each found by its tag or digest', async () => {
    const path = tempDir()
    await using one = await openBuilder()
    await one.build(line('a'), { cacheTo: [local(path, 'a')] })
    await one.build(line('b'), { cacheTo: [local(path, 'b')] })
    expect(caches(path).map(({ annotations }) => annotations['org.opencontainers.image.ref.name'])).toEqual(['a', 'b'])
    const digest = caches(path)[0]!.digest
    for (const source of [{ tag: 'a' }, { digest }]) {
      await using two = await openBuilder()
      const cacheFrom = [{ kind: 'local', path, ...source }] as const
      expect(two.ran(await two.build(line('a'), { cacheFrom }))).toEqual([])
      expect(two.ran(await two.build(line('b'), { cacheFrom }))).toHaveLength(1)
    }
    await using three = await openBuilder()
    await three.build(line('a'), { cacheFrom: [{ kind: 'local', path, tag: 'none' }] })
    expect(three.events).toContainEqual(
      expect.objectContaining({ text: expect.stringContaining('no cache of tag "none"') as unknown }),
    )
  })

  it('has after a reset only what was written last', async () => {
    const path = tempDir()
    const blobs = (): readonly string[] => readdirSync(join(path, 'blobs/sha256'))
    await using one = await openBuilder()
    await one.build(line('a'), { cacheTo: [local(path, 'a')] })
    const first = blobs()
    await one.build(line('b'), { cacheTo: [local(path, 'b', true)] })
    expect(caches(path)).toHaveLength(1)
    // The layer of the base is in both.
    expect(blobs().filter((name) => first.includes(name))).toHaveLength(1)
    await using two = await openBuilder()
    expect(two.ran(await two.build(line('b'), { cacheFrom: [{ kind: 'local', path, tag: 'b' }] }))).toEqual([])
  })

  it('has layers of the compression that is wanted, also where another is known', async () => {
    await using one = await openBuilder()
    for (const kind of ['gzip', 'zstd', 'none', 'gzip'] as const) {
      const path = tempDir()
      await one.build(line('a'), { cacheTo: [{ ...folder(path, 'max'), compression: { kind, force: true } }] })
      const name = caches(path)[0]!.digest.replace('sha256:', '')
      const manifest = JSON.parse(readFileSync(join(path, 'blobs/sha256', name), 'utf8')) as {
        layers: { mediaType: string }[]
      }
      const suffix = kind === 'none' ? '' : `+${kind}`
      expect(new Set(manifest.layers.map(({ mediaType }) => mediaType))).toEqual(
        new Set([`application/vnd.oci.image.layer.v1.tar${suffix}`]),
      )
      await using two = await openBuilder()
      expect(two.ran(await two.build(line('a'), { cacheFrom: [{ kind: 'local', path }] }))).toEqual([])
    }
  })

  it('gets the cache mounts of the build alone', async () => {
    const path = tempDir()
    await using one = await openBuilder()
    const mount = (id: string): string => `FROM base\nRUN --mount=type=cache,id=${id},target=/c echo ${id} > /c/file`
    await one.build(mount('other'))
    await one.build(mount('mine'), { cacheTo: [folder(path, 'max', true)] })
    const text = readdirSync(join(path, 'blobs/sha256')).map((name) =>
      readFileSync(join(path, 'blobs/sha256', name), 'latin1'),
    )
    const document = JSON.parse(text.find((blob) => blob.startsWith('{"version"'))!) as { mounts: { id: string }[] }
    expect(document.mounts.map(({ id }) => id)).toEqual(['/mine'])
  })

  it.for<[string, (document: string) => string]>([
    ['is not JSON', () => '{'],
    ['is of another version', (text) => text.replace('"version":1', '"version":2')],
    [
      'has layers in a circle',
      (text) => text.replaceAll('"parent":0', '"parent":1').replaceAll('"parent":-1', '"parent":1'),
    ],
    ['names layers that are not there', (text) => text.replace(/"layer":\d+/g, '"layer":99')],
    ['was changed on the way', (text) => text.replace('"kind":"exec"', '"kind":"Exec"')],
  ])('whose document %s is a warning', async ([, spoil]) => {
    const path = tempDir()
    await using one = await openBuilder()
    await one.build(line('a'), { cacheTo: [folder(path, 'max')] })
    const blobs = join(path, 'blobs/sha256')
    const name = readdirSync(blobs).find((blob) => readFileSync(join(blobs, blob), 'latin1').startsWith('{"version"'))!
    const spoilt = spoil(readFileSync(join(blobs, name), 'utf8'))
    expect(spoilt).not.toBe(readFileSync(join(blobs, name), 'utf8'))
    writeFileSync(join(blobs, name), spoilt)
    await using two = await openBuilder()
    const result = await two.build(line('a'), { cacheFrom: [{ kind: 'local', path }] })
    expect(two.ran(result)).toHaveLength(1)
    expect(two.events).toContainEqual(
      expect.objectContaining({
        kind: 'notice',
        level: 'warning',
        text: expect.stringContaining('is not used') as unknown,
      }),
    )
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
