/**
 * A mount as somebody asks for it by `-v`, `--mount`, `--tmpfs` or VOLUME, before anything is looked up. Targets are absolute
 * and cleaned; bind sources are absolute.
 */
export type MountRequest = VolumeRequest | BindRequest | TmpfsRequest | ImageRequest

export interface VolumeRequest {
  readonly kind: 'volume'
  /** null: an anonymous volume, made for this container. */
  readonly name: string | null
  readonly target: string
  readonly readonly: boolean
  /** Do not fill an empty volume from the image. */
  readonly nocopy: boolean
  readonly subpath?: string
  /** For a volume that does not exist yet. */
  readonly options?: Readonly<Record<string, string>>
  readonly labels?: Readonly<Record<string, string>>
}

export interface BindRequest {
  readonly kind: 'bind'
  readonly source: string
  readonly target: string
  readonly readonly: boolean
  /** `-v` makes a missing directory; `--mount` refuses. */
  readonly create: boolean
  readonly propagation?: 'rprivate' | 'private' | 'rshared' | 'shared' | 'rslave' | 'slave'
  readonly recursive?: 'enabled' | 'disabled' | 'writable' | 'readonly'
}

export interface TmpfsRequest {
  readonly kind: 'tmpfs'
  readonly target: string
  readonly options: readonly string[]
}

export interface ImageRequest {
  readonly kind: 'image'
  readonly source: string
  readonly target: string
  readonly subpath?: string
}
