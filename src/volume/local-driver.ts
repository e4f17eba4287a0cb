import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { TsbuildError } from '../base/errors.ts'
import type { Volume } from './volume-records.ts'

/** What the options of a local volume say: a directory of the store, a directory of the host, or a file system to mount. */
export type VolumeSource =
  | { readonly kind: 'directory' }
  | { readonly kind: 'bind'; readonly source: string; readonly readonly: boolean }
  | { readonly kind: 'filesystem'; readonly type: string; readonly device: string; readonly options: readonly string[] }

/** VOLUME_INVALID for options that the local driver does not know or that do not make a mount. */
export function checkLocalOptions(options: Readonly<Record<string, string>>): void {
  const unknown = Object.keys(options).find((key) => !['type', 'device', 'o'].includes(key))
  if (unknown !== undefined) {
    throw new TsbuildError('VOLUME_INVALID', `invalid option: "${unknown}"`, {
      hint: 'The local driver takes type, device and o, as mount(8) does: -o type=nfs -o o=addr=10.0.0.2,rw -o device=:/export',
    })
  }
  if (Object.keys(options).length > 0 && (options['device'] ?? '') === '' && options['type'] !== 'tmpfs') {
    throw new TsbuildError('VOLUME_INVALID', 'missing required option: "device"', { hint: 'Add -o device=…' })
  }
}

export function volumeSource(volume: Volume): VolumeSource {
  const { type = 'none', device = '', o = '' } = volume.options
  if (Object.keys(volume.options).length === 0) return { kind: 'directory' }
  const options = o.split(',').filter((word) => word !== '')
  if (options.includes('bind') || options.includes('rbind') || type === 'none' || type === 'bind') {
    return { kind: 'bind', source: device, readonly: options.includes('ro') }
  }
  return { kind: 'filesystem', type, device: device === '' ? type : device, options }
}

/**
 * Options with the host name of `addr=NAME` replaced by its address: the kernel knows no names, and other than mount(8) nobody asks for it. Looked up
 * at each start. VOLUME_INVALID when there is none.
 */
export async function withAddress(options: readonly string[]): Promise<readonly string[]> {
  return await Promise.all(
    options.map(async (option) => {
      const name = /^addr=(.+)$/.exec(option)?.[1]
      if (name === undefined || isIP(name) !== 0) return option
      try {
        return `addr=${(await lookup(name)).address}`
      } catch (error) {
        throw new TsbuildError('VOLUME_INVALID', `error resolving passed in network volume address: ${name}`, {
          cause: error,
          hint: 'Give the address of the server: -o o=addr=10.0.0.2',
        })
      }
    }),
  )
}
