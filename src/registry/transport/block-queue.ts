/** Bytes in the order they came, in few blocks that are used again. */
export interface BlockQueue {
  /** Bytes that were not taken yet. */
  readonly size: number
  /** Copies the chunk. */
  append(chunk: Uint8Array): void
  /** The next bytes, as many as lie in one piece; they are overwritten once the next are taken. */
  take(): Uint8Array | undefined
}

const blockSize = 64 * 1024

interface Block {
  readonly bytes: Buffer
  start: number
  end: number
}

export function createBlockQueue(): BlockQueue {
  const blocks: Block[] = []
  const spare: Block[] = []
  let size = 0

  function withRoom(): Block {
    const last = blocks.at(-1)
    if (last !== undefined && last.end < blockSize) return last
    const block = spare.pop() ?? { bytes: Buffer.allocUnsafeSlow(blockSize), start: 0, end: 0 }
    blocks.push(block)
    return block
  }
  /** What was taken last lies in the first block. */
  function reuseFirst(): void {
    const [first] = blocks
    if (first === undefined || first.start < first.end) return
    first.start = 0
    first.end = 0
    if (blocks.length > 1) spare.push(...blocks.splice(0, 1))
  }

  return {
    get size() {
      return size
    },
    append(chunk) {
      for (let rest = chunk; rest.byteLength > 0;) {
        const block = withRoom()
        const part = rest.subarray(0, blockSize - block.end)
        block.bytes.set(part, block.end)
        block.end += part.byteLength
        rest = rest.subarray(part.byteLength)
      }
      size += chunk.byteLength
    },
    take() {
      reuseFirst()
      const [first] = blocks
      if (first === undefined || first.start === first.end) return undefined
      const chunk = first.bytes.subarray(first.start, first.end)
      first.start = first.end
      size -= chunk.byteLength
      return chunk
    },
  }
}
