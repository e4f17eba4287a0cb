import { readdirSync, statSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { builderPrune } from '../../src/engine/builder-prune.ts'
import { cannotBuild, openBuilder } from './builder.ts'
import type { Builder } from './builder.ts'

/** Time stamps of the last two seconds do not tell whether a file has changed. */
const settled = 3100

/** How many names the file has in the store, for each snapshot that holds it. */
function names({ root }: Builder, path: string): number[] {
  return readdirSync(join(root, 'snapshots')).flatMap((id) => {
    const found = statSync(join(root, 'snapshots', id, 'fs', path), { throwIfNoEntry: false })
    return found === undefined ? [] : [found.nlink]
  })
}

describe.skipIf(cannotBuild !== false)('a copy that was done before', () => {
  it('takes files that did not change from the earlier layer, and leaves that as it is', async () => {
    await using builder = await openBuilder()
    await using clean = await openBuilder()
    const text = (last: string): string => `FROM base\nCOPY . /app/\nRUN ${last}`
    const write = (changed: string): void => {
      for (const each of [builder, clean]) {
        each.write({ 'd/same': 'same', 'd/own': 'mine', 'd/changed': changed })
        for (const path of ['d/same', 'd/own', 'd/changed', 'd']) utimesSync(join(each.folder, path), 1e9, 1e9)
      }
    }
    write('old')
    await setTimeout(settled)
    const first = await builder.build(text('true'), { tags: ['first'] })
    write('new')
    await setTimeout(settled)
    const later = text('echo more >> /app/d/same; chmod 700 /app/d/own; chown app /app/d/own; touch /app/d/own')
    const second = await builder.build(later)
    expect(names(builder, 'app/d/same').toSorted((a, b) => a - b)).toEqual([1, 2, 2])
    expect(names(builder, 'app/d/changed')).toEqual([1, 1])
    expect(await builder.read(second, '/app/d/same')).toBe('samemore\n')
    expect(await builder.read(second, '/app/d/changed')).toBe('new')
    expect(await builder.stat(second, '/app/d/own')).toBe('700 1000:0')
    expect(await builder.read(first, '/app/d/same')).toBe('same')
    expect(await builder.read(first, '/app/d/changed')).toBe('old')
    expect(await builder.stat(first, '/app/d/own')).toBe('644 0:0')
    // The layer's tar, and so its digest, is that of a copy of all files.
    const { diff_ids } = (await clean.build(text('true'))).images[0]!.config.rootfs
    expect(second.images[0]!.config.rootfs.diff_ids[1]).toBe(diff_ids[1])
    // Its files outlive the layer that they came from.
    const third = await builder.build(text('true'), { tags: ['first'] })
    await builderPrune(builder.engine, { all: true, filters: [] }, { signal: new AbortController().signal })
    expect(await builder.read(third, '/app/d/same')).toBe('same')
  })

  it('does not take another file of the same path, size and time', async () => {
    await using builder = await openBuilder()
    builder.write({ f: 'one', 'a/f': 'two' })
    for (const path of ['f', 'a/f']) utimesSync(join(builder.folder, path), 1e9, 1e9)
    await setTimeout(settled)
    await builder.build('FROM base\nCOPY . /x/a/')
    const moved = await builder.build('FROM base\nCOPY . /x/')
    expect(await builder.read(moved, '/x/a/f')).toBe('two')
  })
})
