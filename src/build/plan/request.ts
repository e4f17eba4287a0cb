import type { ParsedDockerfile } from '@dockerfile/parser'
import type { Digest } from '../../oci/digest.ts'
import type { ImageConfig, Platform } from '../../oci/types.ts'
import type { BuildVertex } from '../ops/op.ts'
import type { ImageDraft } from './stage-state.ts'

/** Everything that a plan depends on besides the base images. */
export interface PlanRequest {
  readonly dockerfile: ParsedDockerfile
  /** Stage to build; the last one when absent. */
  readonly target?: string
  readonly buildArgs: ReadonlyMap<string, string>
  readonly labels: Readonly<Record<string, string>>
  readonly buildPlatform: Platform
  readonly targetPlatform: Platform
  /** False when nobody said `--platform`: then an image of another platform passes its own on. */
  readonly explicitPlatform: boolean
  /** Several platforms are built: progress names carry the platform. */
  readonly multiPlatform: boolean
  readonly network: 'default' | 'none' | 'host'
  readonly hosts: readonly { readonly name: string; readonly address: string }[]
  /** All stages, or those named, ignore the cache. */
  readonly noCache: boolean | readonly string[]
  /** `--build-context` by name, in lower case. */
  readonly contexts: ReadonlyMap<string, NamedContext>
  /** SOURCE_DATE_EPOCH in seconds; layers and times are clamped to it. */
  readonly epoch?: number
  readonly allowInsecure: boolean
  readonly allowHostNetwork: boolean
}

export type NamedContext =
  /** A folder, an archive, a git repository: files that the context service opens by this name. */
  { readonly kind: 'files'; readonly name: string } | { readonly kind: 'image'; readonly reference: string }

export interface ResolvedImage {
  /** Full name with digest, for people. */
  readonly name: string
  readonly manifest: Digest
  readonly config: ImageConfig
}

/** Finds an image and its config. The plan asks once for each name and platform. */
export type ResolveImage = (reference: string, platform: Platform) => Promise<ResolvedImage>

export interface BuildPlan {
  /** The step whose result is the image; null for an image without layers. */
  readonly target: BuildVertex | null
  readonly image: ImageDraft
  /** Name of the target stage; empty when it has none. */
  readonly stage: string
  /** SOURCE_DATE_EPOCH in seconds. */
  readonly epoch?: number
  /** Names of the contexts that steps read. */
  readonly contexts: ReadonlySet<string>
  readonly notes: readonly PlanNote[]
}

/** Something that the user should know, found while planning. */
export interface PlanNote {
  readonly text: string
  readonly hint?: string
}
