import { execFileSync } from 'node:child_process'

/** Formats that Node cannot write itself. */
export function bzip2(data: Uint8Array): Buffer {
  return execFileSync('bzip2', ['-c'], { input: data, maxBuffer: 1 << 30 })
}

export function xz(data: Uint8Array): Buffer {
  return execFileSync('xz', ['-c'], { input: data, maxBuffer: 1 << 30 })
}
