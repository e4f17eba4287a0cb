/** Joins chunks as they come. A list of them would cost a hundred bytes for each: a server may send one byte at a time. */
export interface ByteBuffer {
  readonly size: number
  append(chunk: Uint8Array): void
  clear(): void
  /** What was appended; later appends do not change it. */
  bytes(): Buffer
}

const firstSize = 16 * 1024

export function createByteBuffer(): ByteBuffer {
  let room = Buffer.allocUnsafe(0)
  let size = 0
  return {
    get size() {
      return size
    },
    append(chunk) {
      const needed = size + chunk.byteLength
      if (needed > room.byteLength) {
        const larger = Buffer.allocUnsafe(Math.max(firstSize, needed, room.byteLength * 2))
        room.copy(larger, 0, 0, size)
        room = larger
      }
      room.set(chunk, size)
      size = needed
    },
    clear() {
      size = 0
    },
    bytes: () => Buffer.from(room.subarray(0, size)),
  }
}
