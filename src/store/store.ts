import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeFileAtomic } from '../base/atomic-file.ts'
import { TsbuildError, hasErrno } from '../base/errors.ts'
import type { ContentStore } from './content.ts'
import { createContentStore } from './content-store.ts'
import { openDatabase } from './db/database.ts'
import type { Database } from './db/database.ts'
import { migrate } from './db/migrate.ts'
import { createLease } from './lease.ts'
import type { Lease } from './lease.ts'
import { makePrivateStore } from './private-store.ts'
import { recoverIngests } from './recover.ts'

/** Format of the folders below the root. A store with a higher number belongs to a newer tsbuild. */
const storeVersion = 1

export interface StorePaths {
  readonly blobs: string
  readonly ingest: string
  readonly snapshots: string
  readonly containers: string
  readonly volumes: string
  readonly contexts: string
}

/** What one process sees of the folders and records below a root. Disposing it ends the lease. */
export interface Store extends Disposable {
  readonly root: string
  readonly paths: StorePaths
  readonly db: Database
  readonly content: ContentStore
  readonly lease: Lease
  /** Ids of leases whose processes were found dead when the store was opened; what they left half done is to be removed. */
  readonly dead: readonly number[]
}

/**
 * Opens the store at `root`, making it when there is none. STORE_VERSION when it is of a newer format, STORE_DENIED when it may
 * not be written.
 */
export async function openStore(root: string): Promise<Store> {
  try {
    makePrivateStore(root)
    await checkVersion(root)
  } catch (error) {
    if (!hasErrno(error, 'EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'ENOENT', 'EEXIST')) throw error
    throw new TsbuildError('STORE_DENIED', `Cannot write to the store "${root}": ${error.message}`, {
      cause: error,
      hint: 'Run as the user it belongs to, or name another folder with --root or TSBUILD_ROOT',
    })
  }
  const paths = storePaths(root)
  using stack = new DisposableStack()
  const db = stack.use(openDatabase(join(root, 'meta.db')))
  migrate(db)
  const lease = stack.use(createLease(db, join(root, 'leases')))
  const dead = lease.bury()
  recoverIngests(paths.ingest, dead)
  const owned = stack.move()
  return {
    root,
    paths,
    db,
    lease,
    dead,
    content: createContentStore(paths, lease),
    [Symbol.dispose]: () => owned.dispose(),
  }
}

function storePaths(root: string): StorePaths {
  return {
    blobs: join(root, 'blobs'),
    ingest: join(root, 'ingest'),
    snapshots: join(root, 'snapshots'),
    containers: join(root, 'containers'),
    volumes: join(root, 'volumes'),
    contexts: join(root, 'contexts'),
  }
}

async function checkVersion(root: string): Promise<void> {
  const path = join(root, 'version')
  if (!existsSync(path)) {
    await writeFileAtomic(path, `${storeVersion}\n`)
    return
  }
  const found = Number(readFileSync(path, 'utf8'))
  if (found === storeVersion) return
  throw new TsbuildError(
    'STORE_VERSION',
    `Cannot open the store "${root}": its format is ${found}, this tsbuild knows ${storeVersion}`,
    {
      hint: 'Use the newer tsbuild that wrote it, or another folder with --root',
    },
  )
}
