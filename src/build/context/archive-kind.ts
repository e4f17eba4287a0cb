import { open } from 'node:fs/promises'

/** Bytes that are looked at: a tar header. */
const headLength = 512

const magics: readonly (readonly [number, readonly number[]])[] = [
  [0, [0x1f, 0x8b]], // gzip
  [0, [0x42, 0x5a, 0x68]], // bzip2
  [0, [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]], // xz
  [0, [0x28, 0xb5, 0x2f, 0xfd]], // zstd
  [257, [0x75, 0x73, 0x74, 0x61, 0x72]], // ustar
]

/** True for a tar archive, compressed or not, by its first bytes. */
export function isArchiveHead(head: Uint8Array): boolean {
  return magics.some(([at, bytes]) => bytes.every((byte, index) => head[at + index] === byte)) || isOldTar(head)
}

/** As `isArchiveHead`, for a file. */
export async function isArchive(path: string): Promise<boolean> {
  const file = await open(path, 'r')
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(headLength), 0, headLength, 0)
    return isArchiveHead(buffer.subarray(0, bytesRead))
  } finally {
    await file.close()
  }
}

/** A v7 tar has no magic, but a checksum over its header (POSIX ustar, field chksum). */
function isOldTar(head: Uint8Array): boolean {
  if (head.length < headLength) return false
  const field = Buffer.from(head.subarray(148, 156))
    .toString('latin1')
    .replace(/[\0 ].*$/s, '')
    .trim()
  if (!/^[0-7]+$/.test(field)) return false
  const sum = head.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 0x20 : byte), 0)
  return Number.parseInt(field, 8) === sum
}
