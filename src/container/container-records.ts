import { TsbuildError } from '../base/errors.ts'
import type { SnapshotId } from '../snapshot/snapshotter.ts'
import type { Database } from '../store/db/database.ts'
import { refuseVague } from './container-id.ts'
import type { ContainerId } from './container-id.ts'
import type { ContainerSpec } from './container-spec.ts'
import type { MountPoint } from './mount-point.ts'

/** A container as the store knows it. What it does at the moment is in its state file. */
export interface Container {
  readonly id: ContainerId
  readonly name: string
  /** Milliseconds since the epoch. */
  readonly createdAt: number
  /** `creating` and `removing` belong to a process that is at it; when that is dead, the next command removes the container. */
  readonly stage: 'creating' | 'ready' | 'removing'
  /** Lease of the process that creates or removes it. */
  readonly lease: number | null
  readonly snapshot: SnapshotId | null
  readonly spec: ContainerSpec
  readonly mounts: readonly MountPoint[]
}

interface ContainerRow {
  readonly id: ContainerId
  readonly name: string
  readonly state: Container['stage']
  readonly lease: number | null
  readonly created_at: number
  readonly snapshot: SnapshotId | null
  readonly record: string
}

/** What the `record` column holds. */
interface Record {
  readonly spec: ContainerSpec
  readonly mounts: readonly MountPoint[]
}

export type Lookup = 'any' | 'certain'

/** Rows of `containers`. */
export interface ContainerRecords {
  /** False when name or id is taken. */
  insert(container: Container): boolean
  byId(id: string): Container | undefined
  byName(name: string): Container | undefined
  /**
   * By full id, name, or prefix of the id. CONTAINER_NOT_FOUND, ID_AMBIGUOUS; with `certain`, for what cannot be undone, ID_TOO_SHORT for a vague prefix.
   */
  resolve(word: string, lookup?: Lookup): Container
  /** In the order of creation, newest first. */
  list(): readonly Container[]
  /** How many containers were made of each image that some were made of. */
  usersOfImages(): ReadonlyMap<string, number>
  /** Ids of containers made of the image. */
  usersOfImage(imageId: string): readonly ContainerId[]
  /** Containers with a link to that one. */
  linkingTo(id: ContainerId): readonly Container[]
  setStage(id: ContainerId, stage: Container['stage'], lease: number | null): void
  setSnapshot(id: ContainerId, snapshot: SnapshotId): void
  save(id: ContainerId, record: Pick<Container, 'spec' | 'mounts'>): void
  /** False when the name is taken. */
  rename(id: ContainerId, name: string): boolean
  remove(id: ContainerId): void
}

const columns = 'id, name, state, lease, created_at, snapshot, record'

export function containerRecords(db: Database): ContainerRecords {
  const find = (where: string, value: string): Container | undefined => {
    const row = db.get<ContainerRow>(`SELECT ${columns} FROM containers WHERE ${where}`, value)
    return row === undefined ? undefined : toContainer(row)
  }
  const byId = (id: string): Container | undefined => find('id = ?', id)
  const byName = (name: string): Container | undefined => find('name = ?', name)

  return {
    byId,
    byName,
    insert: ({ id, name, stage, lease, createdAt, snapshot, spec, mounts }) =>
      db.run(
        'INSERT OR IGNORE INTO containers (id, name, state, lease, created_at, snapshot, image, record) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
        id,
        name,
        stage,
        lease,
        createdAt,
        snapshot,
        spec.image.id,
        JSON.stringify({ spec, mounts }),
      ).changes === 1,
    resolve(word, lookup = 'any') {
      const name = word.replace(/^\//, '')
      const exact = byId(name) ?? byName(name)
      if (exact !== undefined) return exact
      if (!/^[0-9a-f]+$/.test(name)) throw notFound(word)
      const ids = db.all<{ id: string }>('SELECT id FROM containers WHERE id >= ? AND id < ? LIMIT 3', name, `${name}g`)
      const [only, other] = ids
      if (only === undefined) throw notFound(word)
      if (lookup === 'certain') refuseVague(name)
      if (other !== undefined)
        throw ambiguous(
          word,
          ids.map((row) => row.id),
        )
      return byId(only.id) ?? fail(word)
    },
    list: () => db.all<ContainerRow>(`SELECT ${columns} FROM containers ORDER BY created_at DESC, id`).map(toContainer),
    usersOfImages: () =>
      new Map(
        db
          .all<{ image: string; users: number }>('SELECT image, count(*) AS users FROM containers GROUP BY image')
          .map(({ image, users }) => [image, users]),
      ),
    usersOfImage: (imageId) =>
      db.all<{ id: ContainerId }>('SELECT id FROM containers WHERE image = ?', imageId).map((row) => row.id),
    linkingTo: (id) =>
      db
        .all<ContainerRow>(`SELECT ${columns} FROM containers WHERE instr(record, ?) > 0`, id)
        .map(toContainer)
        .filter(({ spec }) => spec.network.links?.some(({ container }) => container === id)),
    setStage: (id, stage, lease) =>
      void db.run('UPDATE containers SET state = ?, lease = ? WHERE id = ?', stage, lease, id),
    setSnapshot: (id, snapshot) => void db.run('UPDATE containers SET snapshot = ? WHERE id = ?', snapshot, id),
    save: (id, { spec, mounts }) =>
      void db.run('UPDATE containers SET record = ? WHERE id = ?', JSON.stringify({ spec, mounts }), id),
    rename: (id, name) => db.run('UPDATE OR IGNORE containers SET name = ? WHERE id = ?', name, id).changes === 1,
    remove: (id) => void db.run('DELETE FROM containers WHERE id = ?', id),
  }
}

function toContainer(row: ContainerRow): Container {
  const { id, name, state, lease, created_at: createdAt, snapshot, record } = row
  return { id, name, stage: state, lease, createdAt, snapshot, ...(JSON.parse(record) as Record) }
}

function notFound(word: string): TsbuildError {
  return new TsbuildError('CONTAINER_NOT_FOUND', `No such container: ${word}`, {
    hint: '"tsbuild ps -a" shows all containers',
  })
}

function ambiguous(word: string, ids: readonly string[]): TsbuildError {
  return new TsbuildError('ID_AMBIGUOUS', `The id prefix "${word}" fits several containers: ${ids.join(', ')}`, {
    hint: 'Give more characters of the id, or the name',
  })
}

function fail(word: string): never {
  throw notFound(word)
}
