import { mkdirSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { writeFileAtomic } from '../base/atomic-file.ts'
import { makeDirectories } from '../base/make-directories.ts'
import { hasCode, hasErrno } from '../base/errors.ts'
import { NativeError } from '../host/native-error.ts'
import type { NativeCore } from '../host/native.ts'
import { bootId } from '../store/lease.ts'
import type { StorageDriver } from '../settings/settings.ts'
import { copyDriver, overlayDriver } from './driver.ts'
import type { Driver } from './driver.ts'

export interface DriverPlace {
  /** Root of the store: whether an overlay can be mounted depends on its file system. */
  readonly root: string
  /** Where the answer is remembered until it is asked by somebody else, or somewhere else. */
  readonly memory: string
  readonly native: NativeCore
}

/** The driver that was asked for; else overlay where the kernel mounts one with an upper layer in this store, which is tried once. */
export async function chooseDriver(wanted: StorageDriver | undefined, place: DriverPlace): Promise<Driver> {
  const name = wanted ?? remembered(place) ?? (await tried(place))
  return name === 'copy' ? copyDriver : overlayDriver
}

interface Memory {
  readonly place: string
  readonly driver: StorageDriver
}

function remembered(place: DriverPlace): StorageDriver | undefined {
  try {
    const memory = JSON.parse(readFileSync(place.memory, 'utf8')) as Memory
    return memory.place === description(place.root) ? memory.driver : undefined
  } catch (error) {
    if (hasErrno(error, 'ENOENT') || error instanceof SyntaxError) return undefined
    throw error
  }
}

async function tried(place: DriverPlace): Promise<StorageDriver> {
  const driver = await mounts(place)
  if (driver === undefined) return 'overlay'
  const memory: Memory = { place: description(place.root), driver }
  makeDirectories(dirname(place.memory), 0o700)
  await writeFileAtomic(place.memory, JSON.stringify(memory), { sync: false })
  return driver
}

/** Undefined where not even the native core can do its work: whatever asks it for more will say why. */
async function mounts({ root, native }: DriverPlace): Promise<StorageDriver | undefined> {
  for (const name of leftovers(root)) await removeFolder(native, root, name)
  const folder = mkdtempSync(join(root, prefix))
  try {
    const [lower = '', upper = '', work = ''] = ['lower', 'upper', 'work'].map((name) => join(folder, name))
    for (const path of [lower, upper, work]) mkdirSync(path)
    const target = { kind: 'layers', lower: [lower], upper, work }
    const action = { op: 'mkdir', path: '/made', mode: 0o755, owner: null }
    await native.call('files', { target, actions: [action], commit: null })
    return 'overlay'
  } catch (error) {
    if (hasCode(error, 'FEATURE_MISSING') || !(error instanceof NativeError)) return undefined
    return 'copy'
  } finally {
    await removeFolder(native, root, basename(folder))
  }
}

const prefix = 'overlay-'
/** Longer than a trial takes. */
const triedMs = 60_000

/** Of trials whose process was killed. */
function leftovers(root: string): readonly string[] {
  const old = Date.now() - triedMs
  return readdirSync(root).filter(
    (name) => name.startsWith(prefix) && (statSync(join(root, name), { throwIfNoEntry: false })?.mtimeMs ?? old) < old,
  )
}

/** What overlay made in its work directory may belong to another user of the namespace. */
async function removeFolder(native: NativeCore, root: string, name: string): Promise<void> {
  try {
    await native.call('remove', { root, names: [name] })
  } catch {
    rmSync(join(root, name), { recursive: true, force: true })
  }
}

/** Who asks, and where: the same store may be used with and without rights, as the volume of several pods is. */
function description(root: string): string {
  const capabilities = /^CapEff:\s*(\w+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? ''
  return [root, statSync(root).dev, bootId(), readlinkSync('/proc/self/ns/user'), capabilities].join(' ')
}
