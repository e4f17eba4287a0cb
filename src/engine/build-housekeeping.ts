import { rm, statfs } from 'node:fs/promises'
import { buildRecords } from '../build/explain/build-records.ts'
import { buildLogPath } from './build-log.ts'
import { builderPrune } from './builder-prune.ts'
import type { Engine, VerbContext } from './engine.ts'

/** Records of builds that are kept, with their output. */
const keptBuilds = 200

/** Cache records without files that are kept: they cost little and explain much, but not for ever. */
const keptKnowledge = 2000

/** The build cache's part of the disk where the settings name no cap, and the least that it is allowed. */
const diskShare = 0.1
const leastCap = 2 * 1024 ** 3

/** Brings the cache below its cap and the records of builds below their number. */
export async function keepWithin(engine: Engine, context: VerbContext): Promise<void> {
  const { store, settings } = engine
  const records = buildRecords(store.db)
  const old = records.list().slice(keptBuilds)
  records.remove(old.map(({ id }) => id))
  for (const { id } of old) await rm(buildLogPath(store.root, id), { force: true })
  store.db.run(
    `DELETE FROM cache_records WHERE snapshot IS NULL AND id NOT IN
       (SELECT id FROM cache_records WHERE snapshot IS NULL ORDER BY used_at DESC, id DESC LIMIT ${keptKnowledge})`,
  )
  const { total } = store.db.get<{ total: number | null }>(
    'SELECT sum(disk) AS total FROM (SELECT DISTINCT snapshot, coalesce(disk, size) AS disk FROM cache_records WHERE snapshot IS NOT NULL)',
  ) ?? { total: 0 }
  const mounts = store.db.get<{ total: number | null }>('SELECT sum(size) AS total FROM cache_mounts')?.total ?? 0
  const cap = settings.keepStorage ?? (await defaultCap(store.root))
  if ((total ?? 0) + mounts > cap) await builderPrune(engine, { all: false, filters: [], keepBytes: cap }, context)
}

async function defaultCap(root: string): Promise<number> {
  const { blocks, bsize } = await statfs(root)
  return Math.max(leastCap, Math.floor(blocks * bsize * diskShare))
}
