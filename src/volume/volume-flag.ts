import { resolve } from 'node:path'
import { invalidFlag } from '../base/flag-error.ts'
import type { MountRequest } from './mount-request.ts'
import { mountTarget } from './mount-target.ts'
import { isVolumeName } from './volume-name.ts'

const propagations = ['rprivate', 'private', 'rshared', 'shared', 'rslave', 'slave'] as const

/**
 * Parses `-v [SOURCE:]TARGET[:OPTIONS]`. A source that starts with `/`, `.` or `~` is a path of the host (relative ones from `cwd`),
 * any other a volume's name. Options: ro, rw, nocopy, propagation, z and Z (SELinux labels; nothing to do where it is off), and
 * docker's consistency words, which only mean something on its desktop. USAGE when malformed.
 */
export function parseVolumeFlag(value: string, cwd: string): MountRequest {
  const parts = value.split(':')
  const [first, second, third] = parts
  if (first === undefined || value === '' || parts.length > 3) {
    throw invalidFlag('--volume', value, 'expected [SOURCE:]TARGET[:OPTIONS]')
  }
  if (second === undefined) {
    return { kind: 'volume', name: null, target: mountTarget('--volume', value, first), readonly: false, nocopy: false }
  }
  const target = mountTarget('--volume', value, second)
  const options = optionsOf(value, third ?? '')
  if (first === '') throw invalidFlag('--volume', value, 'the source is empty')
  if (/^[/.~]/.test(first)) {
    if (options.nocopy) throw invalidFlag('--volume', value, 'nocopy is for volumes, not for paths of the host')
    return {
      kind: 'bind',
      source: resolve(cwd, first),
      target,
      readonly: options.readonly,
      create: true,
      ...(options.propagation === undefined ? {} : { propagation: options.propagation }),
    }
  }
  if (!isVolumeName(first)) {
    throw invalidFlag(
      '--volume',
      value,
      `"${first}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed`,
      `For a directory of the host, write an absolute path or "./${first}"`,
    )
  }
  if (options.propagation !== undefined) {
    throw invalidFlag('--volume', value, 'mount propagation is for paths of the host, not for volumes')
  }
  return { kind: 'volume', name: first, target, readonly: options.readonly, nocopy: options.nocopy }
}

interface Options {
  readonly readonly: boolean
  readonly nocopy: boolean
  readonly propagation: (typeof propagations)[number] | undefined
}

function optionsOf(value: string, text: string): Options {
  const words = text.split(',').filter((word) => word !== '')
  const known = ['ro', 'rw', 'nocopy', 'z', 'Z', 'cached', 'delegated', 'consistent', ...propagations]
  const unknown = words.find((word) => !known.includes(word))
  if (unknown !== undefined)
    throw invalidFlag('--volume', value, `unknown option "${unknown}"`, `Options: ${known.join(', ')}`)
  if (words.includes('ro') && words.includes('rw')) throw invalidFlag('--volume', value, 'ro and rw exclude each other')
  if (propagations.filter((word) => words.includes(word)).length > 1)
    throw invalidFlag('--volume', value, 'there is more than one mount propagation')
  return {
    readonly: words.includes('ro'),
    nocopy: words.includes('nocopy'),
    propagation: propagations.find((word) => words.includes(word)),
  }
}
