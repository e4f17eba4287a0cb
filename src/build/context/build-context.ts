import type { IgnoreMatcher } from '@dockerfile/parser'

/** Files that a build may read: a folder, opened for the time of the build. */
export interface BuildContext extends AsyncDisposable {
  /** `context` for the main one, else the name of the `--build-context`. */
  readonly name: string
  /** Absolute path of the folder. */
  readonly path: string
  /** For people: what the user wrote. */
  readonly title: string
  /** What COPY, ADD and mounts do not see. */
  readonly ignore: IgnoreMatcher | null
  /** File that remembers content digests between builds; null for folders that do not last. */
  readonly index: string | null
  /**
   * When what was fetched was made, in milliseconds: a commit's time, the server's, else that of the newest file of an archive. Undefined for a
   * folder of the user's, whose times mean nothing.
   */
  time(): Promise<number | undefined>
}

/** Name under which the main build context is known to steps. */
export const mainContext = 'context'
