import type { Platform } from '../oci/types.ts'
import type { IdMap } from './idmap.ts'

/** Everything that the environment, files and global flags decide, read once at the start and frozen. */
export interface Settings {
  /** Root of the store: `--root`, TSBUILD_ROOT, else /var/lib/tsbuild or $XDG_DATA_HOME/tsbuild. */
  readonly root: string
  /** Volatile state: TSBUILD_RUN_ROOT, else /run/tsbuild or $XDG_RUNTIME_DIR/tsbuild. With --root given, a folder of it derived from the root. */
  readonly runRoot: string
  readonly rootless: boolean
  /** `--storage-driver`, TSBUILD_STORAGE_DRIVER, `storage-driver` of config.json. Undefined: overlay where it can be mounted. */
  readonly storageDriver: StorageDriver | undefined
  /** The user namespace that an unprivileged user works in; undefined for root. */
  readonly idmap: IdMap | undefined
  /** TSBUILD_ISOLATION, `isolation` of config.json; `--isolation` of a command wins. */
  readonly isolation: string | undefined
  /** Who owns files that are written for the user, as the native core names it: root in a user namespace that makes the user root. */
  readonly owner: { readonly uid: number; readonly gid: number }
  /** The native core: TSBUILD_CORE, the platform package, or the clone's build. */
  readonly corePath: string
  readonly platform: Platform
  readonly cwd: string
  /** Read at the first call: most commands ask no registry, and registries.conf may be long. SETTINGS_INVALID. */
  readonly registries: () => Promise<RegistrySettings>
  readonly proxies: ProxySettings
  readonly limits: {
    /** Vertices at once. */
    readonly jobs: number
    /** Transfers at once for one host, and over all hosts. */
    readonly perHost: number
    readonly transfers: number
  }
  /** Store cap for build cache in bytes; undefined: a share of the disk. */
  readonly keepStorage: number | undefined
  /** Names of variables that the user passed on purpose (build args without value, run -e NAME) are read through this. */
  readonly env: (name: string) => string | undefined
}

/** How layers are stacked to one tree: by the kernel, or by copying where it may not be asked. */
export type StorageDriver = 'overlay' | 'copy'

export interface ProxySettings {
  readonly http: string | undefined
  readonly https: string | undefined
  readonly no: string | undefined
}

/** What the registry client needs to know about hosts; files are parsed by the settings folder. */
export interface RegistrySettings {
  readonly dockerConfigPath: string
  readonly authFile: string | undefined
  /** By prefix of a name (`host[:port][/path]`, `*.domain`); the longest one that fits counts, alone. */
  readonly rules: Readonly<Record<string, RegistryRule>>
  /** Hosts, prefixes and address blocks that may be spoken to without TLS, or without verifying it. */
  readonly insecure: readonly string[]
  readonly certDirs: readonly string[]
  /** Names without a host, such as `fedora`, and the repository that each is an alias for. */
  readonly shortNames: Readonly<Record<string, string>>
}

export interface RegistryRule {
  /** In order: the first that answers is used; the registry itself comes last. */
  readonly mirrors?: readonly Mirror[]
  /** What stands in the prefix's place when something is read: the registry itself is never asked. */
  readonly location?: string
  readonly insecure?: boolean
  readonly blocked?: boolean
}

export interface Mirror {
  /** host[:port][/prefix] */
  readonly location: string
  readonly insecure: boolean
  /** Only for pulls by digest, by tag, or both. */
  readonly pull: 'all' | 'digest-only' | 'tag-only'
}
