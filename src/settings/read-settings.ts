import { accessSync, constants } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { TsbuildError } from '../base/errors.ts'
import { shortHash } from '../base/short-hash.ts'
import { findCore } from './core-path.ts'
import { rootlessIdMap } from './idmap.ts'
import { readOwnConfig } from './own-config.ts'
import type { OwnConfig } from './own-config.ts'
import { readRegistrySettings } from './registry-settings.ts'
import type { ProxySettings, RegistrySettings, Settings, StorageDriver } from './settings.ts'

export interface SettingsSources {
  readonly env: (name: string) => string | undefined
  readonly cwd: string
  /** `--root`. */
  readonly root?: string | undefined
  /** `--storage-driver`. */
  readonly storageDriver?: string | undefined
  /** `--config`: the directory of docker's config.json. */
  readonly config?: string | undefined
  /** Whose settings these are. Default: this process's user and home. */
  readonly uid?: number
  readonly home?: string
  /** Configuration files of the machine lie below it. Default `/etc`; tests give a directory of their own. */
  readonly etc?: string
}

/** The user, the machine and the environment as every file of this folder sees them. */
export interface Place {
  readonly env: (name: string) => string | undefined
  readonly cwd: string
  readonly uid: number
  readonly home: string
  readonly etc: string
}

/**
 * Reads flags, environment and configuration files once. A flag wins over its variable, a variable over the user's file, the
 * user's file over the machine's. Throws SETTINGS_INVALID naming the file or variable.
 */
export async function readSettings(sources: SettingsSources): Promise<Settings> {
  const place: Place = {
    env: (name) => sources.env(name) || undefined,
    cwd: sources.cwd,
    uid: sources.uid ?? process.getuid!(),
    home: sources.home ?? (sources.env('HOME') || homedir()),
    etc: sources.etc ?? '/etc',
  }
  const own = readOwnConfig(place)
  const rootless = place.uid !== 0
  const givenRoot = sources.root ?? place.env('TSBUILD_ROOT') ?? own.root
  const root = resolve(place.cwd, givenRoot ?? defaultRoot(place))
  let registries: Promise<RegistrySettings> | undefined
  return Object.freeze<Settings>({
    root,
    runRoot: runRootOf(place, givenRoot === undefined ? undefined : root),
    rootless,
    storageDriver: storageDriverOf(
      sources.storageDriver ?? place.env('TSBUILD_STORAGE_DRIVER') ?? own['storage-driver'],
    ),
    idmap: rootless ? rootlessIdMap(place.etc, place.uid, process.getgid!()) : undefined,
    isolation: place.env('TSBUILD_ISOLATION') ?? own.isolation,
    owner: rootless ? { uid: 0, gid: 0 } : { uid: place.uid, gid: process.getgid!() },
    corePath: findCore(place.env('TSBUILD_CORE'), programFolders(place)),
    platform: { os: 'linux', architecture: architectureOf(process.arch) },
    cwd: place.cwd,
    registries: () => (registries ??= readRegistrySettings(place, own, sources.config)),
    proxies: readProxies(place),
    limits: {
      jobs: countOf(place, 'TSBUILD_JOBS', own.jobs, 4),
      perHost: countOf(place, 'TSBUILD_TRANSFERS_PER_HOST', own['transfers-per-host'], 6),
      transfers: countOf(place, 'TSBUILD_TRANSFERS', own.transfers, 12),
    },
    keepStorage: own['keep-storage'],
    env: sources.env,
  })
}

function defaultRoot(place: Place): string {
  if (place.uid === 0) return '/var/lib/tsbuild'
  return join(place.env('XDG_DATA_HOME') ?? join(place.home, '.local/share'), 'tsbuild')
}

/**
 * Volatile state goes where a reboot empties it. A root that was chosen gets a folder of its own, named by the root, so that two
 * stores never share locks.
 */
function runRootOf(place: Place, chosenRoot: string | undefined): string {
  const given = place.env('TSBUILD_RUN_ROOT')
  if (given !== undefined) return resolve(place.cwd, given)
  const base = place.uid === 0 ? '/run/tsbuild' : join(userRunDirectory(place), 'tsbuild')
  if (chosenRoot === undefined) return base
  return join(base, `at-${shortHash(chosenRoot)}`)
}

/** Where the single executable may put its native core, in order. */
function programFolders(place: Place): readonly string[] {
  if (place.uid === 0) return ['/var/cache/tsbuild', '/run/tsbuild']
  const runtime = place.env('XDG_RUNTIME_DIR')
  const cache = join(place.env('XDG_CACHE_HOME') ?? join(place.home, '.cache'), 'tsbuild')
  return runtime === undefined ? [cache] : [cache, join(runtime, 'tsbuild')]
}

function userRunDirectory(place: Place): string {
  // After "su" the variable may still name the other user's.
  const usual = [place.env('XDG_RUNTIME_DIR'), `/run/user/${place.uid}`]
  return usual.find((path) => path !== undefined && isWritable(path)) ?? `/tmp/tsbuild-${place.uid}`
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** Node's name of the machine → the image specification's (Go's GOARCH). */
export function architectureOf(arch: string): string {
  return { x64: 'amd64', ia32: '386' }[arch] ?? arch
}

/** curl's and Go's variables; the lower-case spelling wins, as there. */
function readProxies({ env }: Place): ProxySettings {
  const either = (name: string): string | undefined => env(name.toLowerCase()) ?? env(name)
  const all = either('ALL_PROXY')
  return { http: either('HTTP_PROXY') ?? all, https: either('HTTPS_PROXY') ?? all, no: either('NO_PROXY') }
}

/** Docker's and podman's names are taken as well: what they are used for is the same. */
function storageDriverOf(name: string | undefined): StorageDriver | undefined {
  if (name === undefined) return undefined
  const driver = drivers.get(name)
  if (driver !== undefined) return driver
  throw new TsbuildError('SETTINGS_INVALID', `Cannot use the storage driver "${name}": want overlay or copy`)
}

const drivers: ReadonlyMap<string, StorageDriver> = new Map([
  ['overlay', 'overlay'],
  ['overlay2', 'overlay'],
  ['copy', 'copy'],
  ['vfs', 'copy'],
])

function countOf(place: Place, variable: string, configured: OwnConfig['jobs'], fallback: number): number {
  const text = place.env(variable)
  if (text === undefined) return configured ?? fallback
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text)
  throw new TsbuildError('SETTINGS_INVALID', `Variable ${variable} has the value "${text}": want a whole number from 1`)
}
