import type { IgnorePlan } from '@dockerfile/parser'
import type { NoticeEvent } from '../../base/events.ts'
import type { Digest } from '../../oci/digest.ts'
import type { ImageConfig } from '../../oci/types.ts'
import type { Database } from '../../store/db/database.ts'
import type { SelectionPlan } from '../ops/selection.ts'
import type { Identity } from '../solver/operation.ts'

/**
 * What a build depended on besides its description, and what came out. While all of the first part holds, planning and solving
 * the same description again cannot end otherwise.
 */
export interface RememberedBuild {
  /** Of the build's description. */
  readonly digest: Digest
  /** Base images: their names in the Dockerfile, the references that these stood for, and what they pointed to in the store. */
  readonly bases: readonly { readonly name: string; readonly reference: string; readonly target: Digest }[]
  /** What copies select in the folders that are build contexts, with the digest of it. */
  readonly contexts: readonly {
    readonly name: string
    readonly ignore: IgnorePlan | null
    /** Name of the file that remembers content digests. */
    readonly index: string
    readonly selections: readonly { readonly id: string; readonly plan: SelectionPlan; readonly digest: string }[]
  }[]
  /** The records of the cache that the solution stands on. */
  readonly records: readonly { readonly key: string; readonly identity: Identity }[]
  /** Steps as they are shown, in order. */
  readonly steps: readonly { readonly id: string; readonly name: string }[]
  /** What the plan and the checks had to say. */
  readonly notices: readonly NoticeEvent[]
  readonly image: {
    readonly config: ImageConfig
    /** The stack of its layers. */
    readonly top: Identity
    readonly annotations?: Readonly<Record<string, string>>
  }
}

/** Builds that are remembered; a machine has fewer that it repeats. */
const kept = 500

/** Names a build: a short hash to look it up by, and the digest that tells whether it is the one. */
export interface BuildKey {
  readonly short: string
  /** Of the whole description. */
  readonly digest: () => Digest
}

export interface RememberedBuilds {
  /** What is remembered under the short hash. It is the wanted build only when its digest is the key's. */
  find(key: BuildKey): RememberedBuild | undefined
  remember(key: BuildKey, build: Omit<RememberedBuild, 'digest'>): void
}

/** Table `remembered_builds`. */
export function rememberedBuilds(db: Database): RememberedBuilds {
  return {
    find({ short }) {
      const row = db.get<{ record: string }>('SELECT record FROM remembered_builds WHERE key = ?', short)
      return row === undefined ? undefined : (JSON.parse(row.record) as RememberedBuild)
    },
    remember: (key, build) =>
      db.transaction(() => {
        const record: RememberedBuild = { digest: key.digest(), ...build }
        db.run(
          'INSERT OR REPLACE INTO remembered_builds (key, record, at) VALUES (?, ?, ?)',
          key.short,
          JSON.stringify(record),
          Date.now(),
        )
        db.run(
          'DELETE FROM remembered_builds WHERE at < (SELECT min(at) FROM (SELECT at FROM remembered_builds ORDER BY at DESC LIMIT ?))',
          kept,
        )
      }),
  }
}
