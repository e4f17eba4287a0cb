import type { Emit } from '../base/events.ts'
import type { Digest } from '../oci/digest.ts'
import type { Family } from '../oci/media-types.ts'
import type { Reference } from '../oci/reference.ts'
import type { Descriptor, ImageConfig, Manifest, Platform } from '../oci/types.ts'
import type { Snapshot } from '../snapshot/snapshotter.ts'
import type { FactRecords, ImageSummary } from './fact-records.ts'

/** An image of the store for one platform. */
export interface LocalImage {
  /** Digest of the config: the image ID that docker shows. */
  readonly id: Digest
  /** What the name points to: the index when there is one, else the manifest. */
  readonly target: Descriptor
  readonly manifestDescriptor: Descriptor
  readonly manifest: Manifest
  readonly config: ImageConfig
}

/** When a registry is asked: `missing` only without a local image of that name and platform, `newer` also when its digest differs. */
export type PullPolicy = 'missing' | 'always' | 'never' | 'newer'

export interface PullOptions {
  readonly platform: Platform
  readonly policy: PullPolicy
  readonly emit: Emit
  readonly signal: AbortSignal
}

export interface PulledImage {
  readonly image: LocalImage
  /** False when the store had all of it under that name already. */
  readonly changed: boolean
}

/** Where the layers of an image can be had. */
export interface ImageSource {
  readonly reference: Reference
  readonly platform: Platform
}

export interface UnpackRequest {
  /** Asked for layers that are not here; the image is pulled then. */
  readonly source?: ImageSource
  readonly emit: Emit
  readonly signal: AbortSignal
}

/** Images by name, between the store and registries. */
export interface ImageService {
  /**
   * The local image, after a pull where the policy asks for one. IMAGE_NOT_FOUND (policy `never`), PLATFORM_NOT_FOUND, REGISTRY_*.
   */
  ensure(reference: Reference, options: PullOptions): Promise<LocalImage>
  /** As `ensure`, but what is not here stays where it is: the image can be described, and unpacked with its `source`. */
  resolve(reference: Reference, options: PullOptions): Promise<LocalImage>
  /** Asks the registry, whatever the policy but `newer` says, which makes do with a local image when no registry answers. */
  pull(reference: Reference, options: PullOptions): Promise<PulledImage>
  /** Looks in the store only: by name, ID or unambiguous ID prefix (ID_AMBIGUOUS). Undefined when there is none for the platform. */
  find(nameOrId: string, platform: Platform): Promise<LocalImage | undefined>
  /**
   * Likewise, and where nothing fits the platform, the newest that is here of that name. Damaged images have a summary, too.
   */
  identify(facts: FactRecords, nameOrId: string, platform: Platform): Promise<ImageSummary | undefined>
  /** True when the store has the image under this very name. */
  has(reference: Reference, platform: Platform): Promise<boolean>
  /** Unpacks what is not unpacked yet and gives the top of the stack; null for an image without layers. */
  unpack(image: LocalImage, request: UnpackRequest): Promise<Snapshot | null>
  /** Writes an image made here; its names move to it in the same transaction. */
  create(image: NewImage): Promise<LocalImage>
  /** Lets `name` point to what `image` was found by. */
  tag(image: LocalImage, name: Reference): void
}

export interface NewImage {
  readonly config: ImageConfig
  /** The stack of its layers; null for none. */
  readonly top: Snapshot | null
  readonly names: readonly Reference[]
  readonly format: Family
  readonly annotations?: Readonly<Record<string, string>>
}
