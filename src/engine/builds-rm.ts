import { rm } from 'node:fs/promises'
import { buildRecords } from '../build/explain/build-records.ts'
import { buildLogPath } from './build-log.ts'
import type { Engine } from './engine.ts'

/** Forgets builds by ID or prefix, or all of them; gives the IDs. BUILD_NOT_FOUND, ID_AMBIGUOUS before anything is removed. */
export async function buildsRm(engine: Engine, ids: readonly string[], all: boolean): Promise<readonly string[]> {
  const records = buildRecords(engine.store.db)
  const found = all ? records.list() : ids.map((id) => records.find(id))
  const removed = found.map(({ id }) => id)
  records.remove(removed)
  for (const id of removed) await rm(buildLogPath(engine.store.root, id), { force: true })
  return removed
}
