import type { Writable } from 'node:stream'
import type { Annotation } from '../build/options/annotation-option.ts'
import type { CacheSource, CacheTarget } from '../build/options/cache-option.ts'
import type { OutputSpec } from '../build/options/output-option.ts'
import type { BuildRecord } from '../build/explain/build-records.ts'
import type { SecretSource } from '../build/ops/secrets.ts'
import type { AgentConnector } from '../build/ops/ssh-agents.ts'
import type { StepLimits } from '../build/ops/step-limits.ts'
import type { PullPolicy } from '../image/image-service.ts'
import type { OutputsResult } from './build-outputs.ts'

/** What `build` is asked for; texts of flags are parsed already (build/options). */
export interface BuildRequest {
  /** Folder, `-`, URL or git repository. */
  readonly context: string
  /** `-f`. */
  readonly file?: string
  /** Everything on stdin, read at most once. */
  readonly stdin: () => Promise<Uint8Array>
  readonly tags: readonly string[]
  readonly target?: string
  readonly buildArgs: ReadonlyMap<string, string>
  readonly labels: Readonly<Record<string, string>>
  /** None: the machine's. */
  readonly platforms: readonly string[]
  /** `--build-context`: sources by name, in lower case. */
  readonly contexts: ReadonlyMap<string, string>
  readonly network: 'default' | 'none' | 'host'
  readonly hosts: readonly { readonly name: string; readonly address: string }[]
  readonly noCache: boolean | readonly string[]
  readonly pull: PullPolicy
  readonly secrets: ReadonlyMap<string, SecretSource>
  readonly agents: ReadonlyMap<string, AgentConnector>
  readonly limits: StepLimits
  /** Entitlements: `network.host`, `security.insecure`, `buildx.local.delete`. */
  readonly allow: ReadonlySet<string>
  /** Steps at once; the settings' number when absent. */
  readonly jobs?: number
  readonly cacheFrom: readonly CacheSource[]
  readonly cacheTo: readonly CacheTarget[]
  readonly outputs: readonly OutputSpec[]
  readonly annotations: readonly Annotation[]
  /** Build twice from nothing first, and refuse when the results differ. */
  readonly verify: boolean
  /** All layers of the build become one. */
  readonly squash: boolean
  /** What becomes of a RUN step that fails: a shell in it, or an image of it. */
  readonly onError?: { readonly kind: 'shell' } | { readonly kind: 'image'; readonly name: string }
  /** Where `dest=-` goes. */
  readonly stdout: () => Writable
}

export interface BuildResult extends OutputsResult {
  readonly record: BuildRecord
}
