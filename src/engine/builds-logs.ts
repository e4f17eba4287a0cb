import { readFile } from 'node:fs/promises'
import { hasErrno } from '../base/errors.ts'
import { buildRecords } from '../build/explain/build-records.ts'
import { buildLogPath } from './build-log.ts'
import type { Engine } from './engine.ts'

/** What the steps of a build wrote; empty when none ran. BUILD_NOT_FOUND, ID_AMBIGUOUS. */
export async function buildsLogs(engine: Engine, id: string): Promise<Uint8Array> {
  const record = buildRecords(engine.store.db).find(id)
  try {
    return await readFile(buildLogPath(engine.store.root, record.id))
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return new Uint8Array()
    throw error
  }
}
