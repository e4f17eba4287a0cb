/** Frames of a container's control socket (docs/native-core.md, "control.sock"): type, three reserved bytes, length, payload. */
export const toMonitor = { stdin: 0, endOfStdin: 1, resize: 2, request: 3 } as const
export const fromMonitor = { stdout: 1, stderr: 2, answer: 3, exit: 4 } as const

export interface Frame {
  readonly type: number
  readonly payload: Buffer
}

const headerSize = 8

export function encodeFrame(type: number, payload: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(headerSize + payload.byteLength)
  frame.writeUInt32BE(0, 0)
  frame.writeUInt8(type, 0)
  frame.writeUInt32BE(payload.byteLength, 4)
  frame.set(payload, headerSize)
  return frame
}

/** Cuts a byte stream into frames. A frame that the end of the stream cuts short is dropped: the monitor died while it wrote. */
export async function* decodeFrames(source: AsyncIterable<Uint8Array>): AsyncGenerator<Frame> {
  let pending: Uint8Array[] = []
  let size = 0
  for await (const chunk of source) {
    pending.push(chunk)
    size += chunk.byteLength
    if (size < headerSize) continue
    let buffer =
      pending.length === 1 ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength) : Buffer.concat(pending)
    while (buffer.byteLength >= headerSize) {
      const end = headerSize + buffer.readUInt32BE(4)
      if (buffer.byteLength < end) break
      yield { type: buffer.readUInt8(0), payload: buffer.subarray(headerSize, end) }
      buffer = buffer.subarray(end)
    }
    pending = buffer.byteLength === 0 ? [] : [buffer]
    size = buffer.byteLength
  }
}
