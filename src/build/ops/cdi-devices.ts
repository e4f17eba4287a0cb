import { readFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { TsbuildError, hasErrno, messageOf } from '../../base/errors.ts'
import type { DeviceSpec } from '../../runtime/devices.ts'

/** Folders of the Container Device Interface, those of later ones win (CDI specification, "Installed CDI specs"). */
const folders = ['/etc/cdi', '/var/run/cdi']

interface CdiSpec {
  readonly kind?: string
  readonly devices?: readonly { readonly name?: string; readonly containerEdits?: CdiEdits }[]
  readonly containerEdits?: CdiEdits
}

interface CdiEdits {
  readonly deviceNodes?: readonly {
    readonly path?: string
    readonly hostPath?: string
    readonly type?: string
    readonly permissions?: string
    readonly fileMode?: number
    readonly uid?: number
    readonly gid?: number
  }[]
}

/**
 * The device nodes of `vendor.com/class=name` by the JSON files of the Container Device Interface; `vendor.com/class` alone is the
 * class's first device. Nothing for an unknown one, FEATURE_MISSING when it is required.
 */
export function cdiDevices(name: string, required: boolean): readonly DeviceSpec[] {
  const [kind = '', device] = name.split('=')
  for (const spec of folders.toReversed().flatMap(readSpecs)) {
    if (spec.kind !== kind) continue
    const found = spec.devices?.find((each) => device === undefined || each.name === device)
    if (found === undefined) continue
    return [spec.containerEdits, found.containerEdits].flatMap((edits) => (edits?.deviceNodes ?? []).map(toDevice))
  }
  if (!required) return []
  throw new TsbuildError('FEATURE_MISSING', `The step needs the device "${name}", which no CDI file describes`, {
    hint: `Install its CDI file into ${folders[0]}`,
  })
}

function readSpecs(folder: string): readonly CdiSpec[] {
  let names: readonly string[]
  try {
    names = readdirSync(folder)
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES')) return []
    throw error
  }
  return names
    .filter((name) => name.endsWith('.json'))
    .map((name) => {
      try {
        return JSON.parse(readFileSync(join(folder, name), 'utf8')) as CdiSpec
      } catch (error) {
        throw new TsbuildError(
          'SETTINGS_INVALID',
          `Cannot read the device file "${join(folder, name)}": ${messageOf(error)}`,
          {
            cause: error,
          },
        )
      }
    })
}

function toDevice(node: NonNullable<CdiEdits['deviceNodes']>[number]): DeviceSpec {
  const path = node.path ?? ''
  const { rdev, mode } = statSync(node.hostPath ?? path)
  const isBlock = (mode & 0o170000) === 0o060000
  return {
    path,
    type: isBlock ? 'b' : 'c',
    // Layout of Linux's dev_t as stat gives it (glibc gnu_dev_major, gnu_dev_minor).
    major: Number((BigInt(rdev) >> 8n) & 0xfffn),
    minor: Number((BigInt(rdev) & 0xffn) | ((BigInt(rdev) >> 12n) & 0xfff00n)),
    ...(node.fileMode === undefined ? {} : { fileMode: node.fileMode }),
    ...(node.uid === undefined ? {} : { uid: node.uid }),
    ...(node.gid === undefined ? {} : { gid: node.gid }),
    access: node.permissions ?? 'rwm',
  }
}
