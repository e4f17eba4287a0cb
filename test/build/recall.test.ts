import { createServer } from 'node:http'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { builderPrune } from '../../src/engine/builder-prune.ts'
import { listenOnLoopback } from '../helpers/listen.ts'
import { cannotBuild, openBuilder } from './builder.ts'
import type { Builder, BuildOptions } from './builder.ts'
import { tempDir } from './temp-dir.ts'

const text = `FROM base
ARG WHO=world
COPY --exclude=*.md dir /dir
RUN --network=none echo "$WHO" > /who
LABEL a=b
`

/** Changes with every build that is planned and solved, as those are remembered. */
function remembered({ store }: Builder['engine']): number {
  return store.db.get<{ at: number }>('SELECT coalesce(sum(at), 0) AS at FROM remembered_builds')!.at
}

async function again(
  builder: Builder,
  dockerfile = text,
  options: BuildOptions = {},
): Promise<{ id: string; recalled: boolean }> {
  const before = remembered(builder.engine)
  const result = await builder.build(dockerfile, options)
  return { id: result.images[0]!.id, recalled: remembered(builder.engine) === before }
}

async function warm(): Promise<Builder & { readonly id: string }> {
  const builder = await openBuilder()
  builder.write({ 'dir/a': 'a\n', 'dir/notes.md': 'n\n', other: 'o\n' })
  const { id } = await again(builder)
  return { ...builder, id }
}

describe.skipIf(cannotBuild !== false)('an equal build', () => {
  it('is recalled, shows the same steps and moves its names', async () => {
    await using builder = await warm()
    const shown = builder.events.flatMap((event) => (event.kind === 'vertex' ? [event.name] : []))
    const next = await again(builder, text, { tags: ['x:2'] })
    expect(next).toEqual({ id: builder.id, recalled: true })
    const steps = builder.events.flatMap((event) => (event.kind === 'vertex' ? [event.name] : []))
    expect(new Set(steps)).toEqual(new Set(shown))
    const cached = builder.events.flatMap((event) =>
      event.kind === 'vertex' && event.state === 'cached' ? [event.name] : [],
    )
    expect(cached.map((name) => name.replace(/^\[[^\]]*\] /, ''))).toEqual([
      'take / from the build context',
      'COPY --exclude=*.md dir /dir',
      'RUN --network=none echo "world" > /who',
    ])
    expect(await builder.engine.images.find('x:2', builder.engine.settings.platform)).toMatchObject({ id: builder.id })
    expect(builder.leftovers()).toEqual([])
  })

  it('is recalled when what it does not read changes', async () => {
    await using builder = await warm()
    builder.write({ other: 'changed\n', 'dir/notes.md': 'changed\n' })
    expect(await again(builder)).toEqual({ id: builder.id, recalled: true })
  })

  it('brings a removed image back', async () => {
    await using builder = await warm()
    const { imageRecords } = builder.engine
    for (const { manifest } of imageRecords.images()) imageRecords.removeImage(manifest)
    expect(await again(builder)).toEqual({ id: builder.id, recalled: true })
    expect(imageRecords.images()).toHaveLength(1)
  })

  it('is told by the digest of its description, not by the short hash alone', async () => {
    await using builder = await warm()
    const { db } = builder.engine.store
    db.run(`UPDATE remembered_builds SET record = json_set(record, '$.digest', 'sha256:${'0'.repeat(64)}')`)
    expect(await again(builder)).toEqual({ id: builder.id, recalled: false })
  })

  it('says its warnings again', async () => {
    await using builder = await warm()
    const loud = `${text}MAINTAINER me\n`
    await again(builder, loud)
    expect(await again(builder, loud)).toMatchObject({ recalled: true })
    const notices = builder.events.flatMap((event) => (event.kind === 'notice' ? [event.text] : []))
    expect(notices.join('\n')).toContain('MaintainerDeprecated')
  })
})

describe.skipIf(cannotBuild !== false)('a build is planned and solved again when', () => {
  it.for<[what: string, change: (builder: Builder) => unknown, options?: BuildOptions]>([
    ['a file has other content', ({ write }) => write({ 'dir/a': 'b\n' })],
    ['a file has another mode', ({ folder }) => chmodSync(join(folder, 'dir/a'), 0o755)],
    ['a file is new', ({ write }) => write({ 'dir/b': 'b\n' })],
    ['an ignore file hides a file', ({ write }) => write({ '.dockerignore': 'dir/a\n' })],
    ['an argument differs', () => {}, { buildArgs: { WHO: 'moon' } }],
    ['a label is asked for', () => {}, { labels: { c: 'd' } }],
    ['an annotation is asked for', () => {}, { annotations: [{ scope: 'manifest', key: 'a', value: 'b' }] }],
    [
      'its cache was pruned',
      (builder) => builderPrune(builder.engine, { all: true, filters: [] }, { signal: new AbortController().signal }),
    ],
    [
      'a step was done again with another result',
      ({ engine }) => engine.store.db.run(`UPDATE cache_records SET identity = 'sha256:0' WHERE kind = 'exec'`),
    ],
    ['another platform is asked for', () => {}, { platforms: ['linux/arm64'] }],
  ])('%s', async ([, change, options = {}]) => {
    await using builder = await warm()
    await change(builder)
    expect(await again(builder, text, options).catch((error: unknown) => ({ recalled: false, error }))).toMatchObject({
      recalled: false,
    })
  })

  it('the cache is not to be used', async () => {
    await using builder = await warm()
    expect(builder.ran(await builder.build(text, { noCache: true }))).toContain('COPY --exclude=*.md dir /dir')
  })

  it('the files of a named context differ', async () => {
    await using builder = await warm()
    const extra = tempDir()
    writeFileSync(join(extra, 'x'), 'x')
    const more = { contexts: new Map([['extra', extra]]) }
    const copying = `${text}COPY --from=extra x /x\n`
    await again(builder, copying, more)
    expect(await again(builder, copying, more)).toMatchObject({ recalled: true })
    writeFileSync(join(extra, 'x'), 'y')
    expect(await again(builder, copying, more)).toMatchObject({ recalled: false })
  })

  it('a base has moved', async () => {
    await using builder = await warm()
    const { imageRecords } = builder.engine
    await builder.build(text, { tags: ['mine:1'] })
    const onMine = 'FROM mine:1\nRUN --network=none true\n'
    await again(builder, onMine)
    expect(await again(builder, onMine)).toMatchObject({ recalled: true })
    await builder.build(`${text}ENV MOVED=1\n`, { tags: ['mine:1'] })
    const moved = await again(builder, onMine)
    expect(moved.recalled).toBe(false)
    const image = await builder.engine.images.find(moved.id, builder.engine.settings.platform)
    expect(image?.config.config?.Env).toContain('MOVED=1')
    expect(imageRecords.ref('docker.io/library/mine:1')).toBeDefined()
  })

  it('a step reads the web', async () => {
    await using builder = await warm()
    const site = await listenOnLoopback(createServer((_request, response) => response.end('page')))
    const adding = `${text}ADD ${site.origin}/page /page\n`
    await again(builder, adding)
    await again(builder, adding)
    await site.close()
    const { count } = builder.engine.store.db.get<{ count: number }>('SELECT count(*) AS count FROM remembered_builds')!
    expect(count).toBe(1)
  })
})
