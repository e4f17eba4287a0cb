import { mountTarget } from './mount-target.ts'
import type { TmpfsRequest } from './mount-request.ts'

/** Parses `--tmpfs TARGET[:OPTIONS]`, options as mount(8) takes them. */
export function parseTmpfsFlag(value: string): TmpfsRequest {
  const at = value.indexOf(':')
  const [target, options] = at < 0 ? [value, ''] : [value.slice(0, at), value.slice(at + 1)]
  return {
    kind: 'tmpfs',
    target: mountTarget('--tmpfs', value, target),
    options: options.split(',').filter((word) => word !== ''),
  }
}
