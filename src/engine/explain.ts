import { buildRecords } from '../build/explain/build-records.ts'
import type { BuildRecord } from '../build/explain/build-records.ts'
import type { Engine } from './engine.ts'

/** The record of a build, with the reason of every step that ran. BUILD_NOT_FOUND, ID_AMBIGUOUS. */
export function explain(engine: Engine, id: string): BuildRecord {
  return buildRecords(engine.store.db).find(id)
}
