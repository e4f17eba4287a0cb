import { TsbuildError } from '../../base/errors.ts'
import type { Database } from './database.ts'
import { migrations } from './schema.ts'

/** Brings the database to the newest schema. STORE_VERSION when it is newer than this tsbuild knows. Safe with other processes at it. */
export function migrate(db: Database): void {
  if (userVersion(db) === migrations.length) return
  db.transaction(() => {
    const done = userVersion(db)
    if (done > migrations.length) {
      throw new TsbuildError(
        'STORE_VERSION',
        `Cannot open the store: its schema is ${done}, this tsbuild knows up to ${migrations.length}`,
        {
          hint: 'Use the newer tsbuild that wrote it, or another folder with --root',
        },
      )
    }
    for (const step of migrations.slice(done)) db.exec(step)
    db.exec(`PRAGMA user_version = ${migrations.length}`)
  })
}

function userVersion(db: Database): number {
  return db.get<{ user_version: number }>('PRAGMA user_version')?.user_version ?? 0
}
