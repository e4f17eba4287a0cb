import type { Limits } from '../../runtime/resources.ts'
import type { Isolation } from '../../runtime/runtime-config.ts'
import type { OciRlimit } from '../../runtime/runtime-spec.ts'
import type { RuntimeChoice } from '../../runtime/sandbox.ts'

/** Bounds of every RUN of a build. They do not decide its result and are not part of its key. */
export interface StepLimits {
  readonly limits?: Limits
  readonly rlimits?: readonly OciRlimit[]
  /** Bytes of /dev/shm. */
  readonly shmSize?: number
  readonly cgroupParent?: string
  readonly timeoutMs?: number
  readonly isolation?: Isolation
  /** What runs them; absent: the core. */
  readonly runtime?: RuntimeChoice
}
