import { readdir, rm, stat, statfs } from 'node:fs/promises'
import { dirname, join, parse } from 'node:path'
import { buildRecords } from '../build/explain/build-records.ts'
import { buildLogPath } from './build-log.ts'
import { builderPrune } from './builder-prune.ts'
import type { Engine, VerbContext } from './engine.ts'

/** Bytes that the output of past builds may take, and the age from which one without a record belongs to no running build. */
const keptOutput = 64 * 1024 ** 2
const orphanAge = 24 * 60 * 60 * 1000

/** Cache records without files that are kept: they cost little and explain much, but not for ever. */
const keptKnowledge = 2000

/** The build cache's part of the disk where the settings name no cap, and the least that it is allowed. */
const diskShare = 0.1
const leastCap = 2 * 1024 ** 3

/** Brings the cache below its cap, and what is known of evicted layers below its number. */
export async function keepWithin(engine: Engine, context: VerbContext): Promise<void> {
  engine.store.db.run(
    `DELETE FROM cache_records WHERE snapshot IS NULL AND id NOT IN
       (SELECT id FROM cache_records WHERE snapshot IS NULL ORDER BY used_at DESC, id DESC LIMIT ${keptKnowledge})`,
  )
  const cap = engine.settings.keepStorage ?? (await defaultCap(engine.store.root))
  if (mostBytes(engine) > cap) await builderPrune(engine, { all: false, filters: [], keep: { max: cap } }, context)
}

/** What the cache takes at most, without a look at what images need of it, and at the disk. */
function mostBytes({ store: { db } }: Engine): number {
  const sum = (sql: string): number => db.get<{ bytes: number | null }>(sql)?.bytes ?? 0
  return (
    sum(`WITH RECURSIVE cached(id) AS (
           SELECT snapshot FROM cache_records WHERE snapshot IS NOT NULL
           UNION SELECT parent FROM snapshots JOIN cached ON snapshots.id = cached.id WHERE parent IS NOT NULL)
         SELECT sum(max(size, bytes) + ${blockBytes} * entries) AS bytes FROM snapshots WHERE id IN cached`) +
    sum(`SELECT sum(size) AS bytes FROM (SELECT DISTINCT layer_blobs.digest, layer_blobs.size FROM layer_blobs
           JOIN snapshots ON snapshots.diff_id = layer_blobs.diff_id
           JOIN cache_records ON cache_records.snapshot = snapshots.id WHERE cache_records.kind <> 'image')`) +
    sum('SELECT sum(size) AS bytes FROM cache_mounts')
  )
}

/** What a file takes of the disk beyond its bytes. */
const blockBytes = 4096

async function defaultCap(root: string): Promise<number> {
  const { blocks, bsize } = await statfs(root)
  return Math.max(leastCap, Math.floor(blocks * bsize * diskShare))
}

/** Removes the output of builds that are forgotten, and of the oldest beyond what is kept. */
export async function keepOutput({ store }: Engine): Promise<void> {
  const ids = buildRecords(store.db).ids()
  const folder = dirname(buildLogPath(store.root, ''))
  const ages = new Map(ids.map((id, at) => [id, at]))
  const logs = (await readdir(folder).catch(() => [])).map((name) => ({
    path: join(folder, name),
    id: parse(name).name,
  }))
  logs.sort((a, b) => (ages.get(a.id) ?? -1) - (ages.get(b.id) ?? -1))
  let bytes = 0
  for (const { path, id } of logs) {
    const output = await stat(path).catch(() => undefined)
    if (output === undefined) continue
    const orphan = !ages.has(id) && Date.now() - output.mtimeMs > orphanAge
    if (!orphan) bytes += output.size
    if (orphan || (bytes > keptOutput && ages.has(id))) await rm(path, { force: true })
  }
}
