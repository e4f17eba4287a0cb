import { buildRecords } from '../build/explain/build-records.ts'
import type { BuildRecord } from '../build/explain/build-records.ts'
import type { Engine } from './engine.ts'

/** The builds that are remembered, newest first. */
export function buildsLs(engine: Engine): readonly BuildRecord[] {
  return buildRecords(engine.store.db).list()
}
