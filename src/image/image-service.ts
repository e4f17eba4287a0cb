import type { Emit } from '../base/events.ts'
import type { Digest } from '../oci/digest.ts'
import type { Descriptor, ImageConfig, Manifest, Platform } from '../oci/types.ts'
import type { Reference } from '../oci/reference.ts'
import type { Snapshot } from '../snapshot/snapshotter.ts'

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

export interface PullOptions {
  readonly platform: Platform
  /** `missing`: the registry is asked only when the store has no image of that name and platform. */
  readonly policy: 'missing' | 'always' | 'never' | 'newer'
  readonly emit: Emit
  readonly signal: AbortSignal
}

/** Images by name, between the store and registries. Errors: IMAGE_NOT_FOUND, PLATFORM_NOT_FOUND, REGISTRY_* codes. */
export interface ImageService {
  /** The local image, after a pull of manifest, config and layers where the policy asks for it. */
  ensure(reference: Reference, options: PullOptions): Promise<LocalImage>
  /** Looks in the store only: by name, digest, or image ID prefix (ID_AMBIGUOUS). */
  find(nameOrId: string, platform?: Platform): LocalImage | undefined
  /** Unpacks what is not unpacked yet and gives the top of the stack; null for an image without layers. */
  unpack(image: LocalImage, options: { readonly emit: Emit; readonly signal: AbortSignal }): Promise<Snapshot | null>
  /**
   * Writes config and manifest of an image made here. Layers are named by snapshots: those from a registry keep their blob and
   * descriptor, our own have none yet and are compressed at push or save. Names move to it in the same transaction.
   */
  create(image: NewImage): Promise<LocalImage>
  tag(image: LocalImage, name: Reference): Promise<void>
}

export interface NewImage {
  readonly config: ImageConfig
  readonly top: Snapshot | null
  readonly names: readonly Reference[]
  readonly format: 'oci' | 'docker'
  readonly annotations?: Readonly<Record<string, string>>
}
