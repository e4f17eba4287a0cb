import type { Database } from '../../store/db/database.ts'
import { TsbuildError } from '../../base/errors.ts'
import type { Explanation } from './explanation.ts'
import type { RecordedStep } from './recorder.ts'

export interface ExplainedStep extends RecordedStep {
  /** Why it ran. */
  readonly explanation?: Explanation
}

/** A build that ended. */
export interface BuildRecord {
  readonly id: string
  readonly startedAt: number
  readonly endedAt: number
  readonly status: 'completed' | 'failed' | 'cancelled'
  /** What the user named as context and Dockerfile. */
  readonly context: string
  readonly dockerfile: string
  readonly target: string
  readonly names: readonly string[]
  readonly images: readonly string[]
  readonly steps: readonly ExplainedStep[]
  readonly error?: { readonly code: string; readonly message: string }
}

export interface BuildRecords {
  /** Adds a record; the oldest go beyond what is kept. */
  add(record: BuildRecord): void
  /** Newest first. */
  ids(): readonly string[]
  /** Newest first. */
  list(): readonly BuildRecord[]
  /** By ID or unambiguous prefix; `latest` or empty is the newest. BUILD_NOT_FOUND, ID_AMBIGUOUS. */
  find(id: string): BuildRecord
  remove(ids: readonly string[]): void
}

interface Row {
  readonly record: string
}

/** Records of builds that are kept. */
const keptBuilds = 200

/** Table `builds`. */
export function buildRecords(db: Database): BuildRecords {
  const list = (): readonly BuildRecord[] =>
    db
      .all<Row>('SELECT record FROM builds ORDER BY started_at DESC, id')
      .map(({ record }) => JSON.parse(record) as BuildRecord)
  return {
    list,
    ids: () => db.all<{ id: string }>('SELECT id FROM builds ORDER BY started_at DESC, id').map(({ id }) => id),
    add: (record) =>
      db.transaction(() => {
        db.run(
          'INSERT INTO builds (id, started_at, ended_at, status, record) VALUES (?, ?, ?, ?, ?)',
          record.id,
          record.startedAt,
          record.endedAt,
          record.status,
          JSON.stringify(record),
        )
        db.run(
          'DELETE FROM builds WHERE id IN (SELECT id FROM builds ORDER BY started_at DESC, id LIMIT -1 OFFSET ?)',
          keptBuilds,
        )
      }),
    find(id) {
      const builds = list()
      const found =
        id === '' || id === 'latest' ? builds.slice(0, 1) : builds.filter((build) => build.id.startsWith(id))
      const [first, second] = found
      if (first === undefined) {
        throw new TsbuildError(
          'BUILD_NOT_FOUND',
          id === '' ? 'There is no record of a build' : `There is no record of build "${id}"`,
          {
            hint: '"tsbuild builds ls" lists the records',
          },
        )
      }
      if (second === undefined) return first
      throw new TsbuildError(
        'ID_AMBIGUOUS',
        `Cannot tell which build "${id}" is: it fits ${found.map((build) => build.id).join(', ')}`,
      )
    },
    remove: (ids) => db.transaction(() => ids.forEach((id) => db.run('DELETE FROM builds WHERE id = ?', id))),
  }
}
