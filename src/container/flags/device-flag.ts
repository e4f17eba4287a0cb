import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { hasErrno } from '../../base/errors.ts'
import type { DeviceSpec } from '../../runtime/devices.ts'
import type { DeviceValue } from '../../runtime/resources.ts'
import type { OciDeviceRule } from '../../runtime/runtime-spec.ts'
import { invalidFlag } from './flag-error.ts'

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
  const names = await readdir(host)
  const devices = await Promise.all(
    names.map((name) => readDevice(`${join(host, name)}:${join(inside, name)}:${access}`).catch(() => [])),
  )
  return devices.flat()
}

/** Every device below /dev of the host, for `--privileged`; terminals and shared memory stay the container's own. */
export async function hostDevices(directory = '/dev'): Promise<readonly DeviceSpec[]> {
  const skipped = new Set([
    'pts',
    'shm',
    'fd',
    'mqueue',
    'console',
    'stdin',
    'stdout',
    'stderr',
    'ptmx',
    '.udev',
    'core',
  ])
  const entries = await readdir(directory, { withFileTypes: true })
  const devices = await Promise.all(
    entries
      .filter((entry) => !(directory === '/dev' && skipped.has(entry.name)))
      .map(async (entry): Promise<readonly DeviceSpec[]> => {
        const path = join(directory, entry.name)
        if (entry.isDirectory()) return hostDevices(path)
        if (!entry.isCharacterDevice() && !entry.isBlockDevice()) return []
        const found = await stat(path)
        return [
          {
            ...nodeOf(path, found),
            path,
            access: 'rwm',
            fileMode: found.mode & 0o7777,
            uid: found.uid,
            gid: found.gid,
          },
        ]
      }),
  )
  return devices.flat()
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

type Found = Awaited<ReturnType<typeof stat>>

async function lookUp(text: string, path: string, flag = '--device'): Promise<Found> {
  try {
    return await stat(path)
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) throw invalidFlag(flag, text, `"${path}" does not exist on the host`)
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
