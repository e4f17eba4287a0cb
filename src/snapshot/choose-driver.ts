import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
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
  writeFileSync(`${place.memory}.${process.pid}`, JSON.stringify(memory))
  renameSync(`${place.memory}.${process.pid}`, place.memory)
  return driver
}

/** Undefined where not even the native core can do its work: whatever asks it for more will say why. */
async function mounts({ root, native }: DriverPlace): Promise<StorageDriver | undefined> {
  const folder = mkdtempSync(join(root, 'overlay-'))
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
    await removeFolder(native, root, folder)
  }
}

/** What overlay made in its work directory may belong to another user of the namespace. */
async function removeFolder(native: NativeCore, root: string, folder: string): Promise<void> {
  try {
    await native.call('remove', { root, names: [folder.slice(root.length + 1)] })
  } catch {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Who asks, and where: the same store may be used with and without rights, as the volume of several pods is. */
function description(root: string): string {
  const capabilities = /^CapEff:\s*(\w+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? ''
  return [root, statSync(root).dev, bootId(), readlinkSync('/proc/self/ns/user'), capabilities].join(' ')
}
