import type { OciDevice, OciDeviceRule } from './runtime-spec.ts'

/** A device of the host as the container sees it. */
export interface DeviceSpec {
  /** Where it appears inside. */
  readonly path: string
  /** Where it is on the host, when elsewhere. */
  readonly hostPath?: string
  readonly type: 'c' | 'b'
  readonly major: number
  readonly minor: number
  readonly fileMode?: number
  readonly uid?: number
  readonly gid?: number
  /** Letters of `rwm`. */
  readonly access: string
}

/**
 * docker's device rules: nothing by default but mknod of any (the node is of no use then), the null family, terminals; `rwm` on
 * everything when privileged. The core makes the nodes of the null family itself.
 */
export const baseDeviceRules: readonly OciDeviceRule[] = [
  { allow: false, access: 'rwm' },
  { allow: true, type: 'c', access: 'm' },
  { allow: true, type: 'b', access: 'm' },
  ...(
    [
      [1, 3],
      [1, 5],
      [1, 7],
      [1, 8],
      [1, 9],
      [5, 0],
      [5, 1],
      [5, 2],
    ] as const
  ).map(([major, minor]): OciDeviceRule => ({ allow: true, type: 'c', major, minor, access: 'rwm' })),
  { allow: true, type: 'c', major: 136, access: 'rwm' },
]

export const allDevices: readonly OciDeviceRule[] = [{ allow: true, access: 'rwm' }]

export function deviceRule(device: DeviceSpec): OciDeviceRule {
  return { allow: true, type: device.type, major: device.major, minor: device.minor, access: device.access }
}

export function ociDevice(device: DeviceSpec): OciDevice {
  const { access: _access, ...node } = device
  return node
}
