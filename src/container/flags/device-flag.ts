import type { Stats } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { hasErrno } from '../../base/errors.ts'
import { invalidFlag } from '../../base/flag-error.ts'
import type { DeviceSpec } from '../../runtime/devices.ts'
import type { DeviceValue } from '../../runtime/resources.ts'
import type { OciDeviceRule } from '../../runtime/runtime-spec.ts'

/** Parses `--device HOST[:CONTAINER][:rwm]` and looks the device up; a directory stands for all devices in it. USAGE. */
export async function readDevice(text: string): Promise<readonly DeviceSpec[]> {
  const [host = '', second, third] = text.split(':')
  const isAccess = (word: string | undefined): word is string => word !== undefined && /^[rwm]{1,3}$/.test(word)
  const access = isAccess(third) ? third : third === undefined && isAccess(second) ? second : 'rwm'
  const inside = second === undefined || (third === undefined && isAccess(second)) ? host : second
  if (!host.startsWith('/') || !inside.startsWith('/')) {
    throw invalidFlag('--device', text, 'expected HOST_PATH[:CONTAINER_PATH][:rwm] with absolute paths')
  }
  if (third !== undefined && !isAccess(third))
    throw invalidFlag('--device', text, `bad mode specified: ${String(third)}`)
  const found = await lookUp(text, host)
  if (!found.isDirectory())
    return [{ ...nodeOf(text, found), path: inside, ...(host === inside ? {} : { hostPath: host }), access }]
  return (await nodesBelow(host)).map(({ path, node }) => ({
    ...nodeOf(text, node),
    path: join(inside, relative(host, path)),
    ...(host === inside ? {} : { hostPath: path }),
    access,
  }))
}

/** Every device below /dev of the host, for `--privileged`; terminals and shared memory stay the container's own. */
export async function hostDevices(): Promise<readonly DeviceSpec[]> {
  return (await nodesBelow('/dev', containersOwn)).map(({ path, node }) => ({
    ...nodeOf(path, node),
    path,
    access: 'rwm',
    fileMode: node.mode & 0o7777,
    uid: node.uid,
    gid: node.gid,
  }))
}

const containersOwn: ReadonlySet<string> = new Set(['pts', 'shm', 'mqueue', 'console', 'ptmx'])

interface FoundNode {
  readonly path: string
  readonly node: Found
}

/** Links are not followed: those of /dev lead to devices that are listed anyway, or out of it. */
async function nodesBelow(directory: string, skipped: ReadonlySet<string> = new Set()): Promise<readonly FoundNode[]> {
  const entries = await readdir(directory, { withFileTypes: true })
  const nodes = await Promise.all(
    entries
      .filter(({ name }) => !skipped.has(name))
      .map(async (entry): Promise<readonly FoundNode[]> => {
        const path = join(directory, entry.name)
        if (entry.isDirectory()) return nodesBelow(path)
        if (!entry.isCharacterDevice() && !entry.isBlockDevice()) return []
        const node = await statIfThere(path)
        return node === undefined ? [] : [{ path, node }]
      }),
  )
  return nodes.flat()
}

/** Parses `--device-read-bps PATH:VALUE` and its kin; `parse` reads the value. USAGE. */
export async function readDeviceValue(
  flag: string,
  text: string,
  parse: (value: string) => number,
): Promise<DeviceValue> {
  const at = text.lastIndexOf(':')
  const path = text.slice(0, Math.max(at, 0))
  if (!path.startsWith('/dev/')) throw invalidFlag(flag, text, 'expected /dev/DEVICE:VALUE')
  const value = parse(text.slice(at + 1))
  const { major, minor } = nodeOf(text, await lookUp(text, path, flag))
  return { path, major, minor, value }
}

/** Parses `--device-cgroup-rule 'c 42:* rmw'`. USAGE. */
export function parseDeviceRule(text: string): OciDeviceRule {
  const match = /^([acb]) (\d+|\*):(\d+|\*) ([rwm]{1,3})$/.exec(text)
  if (match === null)
    throw invalidFlag('--device-cgroup-rule', text, 'expected "TYPE MAJOR:MINOR ACCESS" such as "c 42:* rmw"')
  const [, type, major = '', minor = '', access = ''] = match
  return {
    allow: true,
    type: type as 'a' | 'b' | 'c',
    ...(major === '*' ? {} : { major: Number(major) }),
    ...(minor === '*' ? {} : { minor: Number(minor) }),
    access,
  }
}

type Found = Stats

async function lookUp(text: string, path: string, flag = '--device'): Promise<Found> {
  const found = await statIfThere(path)
  if (found === undefined) throw invalidFlag(flag, text, `"${path}" does not exist on the host`)
  return found
}

async function statIfThere(path: string): Promise<Found | undefined> {
  try {
    return await stat(path)
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw error
  }
}

/** Numbers as glibc's makedev packs them. */
function nodeOf(text: string, found: Found): Pick<DeviceSpec, 'type' | 'major' | 'minor'> {
  if (!found.isCharacterDevice() && !found.isBlockDevice()) throw invalidFlag('--device', text, 'not a device')
  const device = BigInt(found.rdev)
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n)
  const minor = (device & 0xffn) | ((device >> 12n) & 0xffffff00n)
  return { type: found.isBlockDevice() ? 'b' : 'c', major: Number(major), minor: Number(minor) }
}
