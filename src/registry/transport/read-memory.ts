import type { Socket } from 'node:net'
import type { buildConnector } from 'undici'

/** A connection as the reader of a body sees it. */
export interface Reading {
  /** Takes no more from the kernel; what TLS has deciphered already still comes. */
  pause(): void
  resume(): void
  /** The chunk of a body is needed no more: where it ends what was read at once, the next read may go over it. */
  release(chunk: Uint8Array): void
}

/**
 * Connections that read into memory of their own, again and again. Node gives each read new memory outside of V8's heap; the collector
 * has little reason to run then and lets tens of megabytes of it gather.
 */
export interface ReadMemory {
  /** How undici connects to one origin. */
  connector(options: buildConnector.BuildOptions): Promise<buildConnector.connector>
  /** The connection that read a chunk; undefined for one that reads as Node does, such as TLS through a proxy. */
  readingOf(chunk: Uint8Array): Reading | undefined
}

/** What a connection takes from the kernel at once. */
const roomSize = 64 * 1024

export function createReadMemory(): ReadMemory {
  const readings = new WeakMap<ArrayBufferLike, Reading>()
  return {
    async connector(options) {
      const { default: buildConnector } = await import('undici/lib/core/connect.js')
      let session: Buffer | undefined
      return (target, callback) => {
        const lender = createLender(readings)
        const connect = buildConnector({
          ...options,
          maxCachedSessions: 0,
          ...(session === undefined ? {} : { session }),
          onread: { buffer: lender.room, callback: lender.deliver },
        })
        const socket = connect(target, callback) as unknown as Socket
        lender.attach(socket)
        socket.on('session', (newer: Buffer) => {
          session = newer
        })
      }
    },
    readingOf: (chunk) => readings.get(chunk.buffer),
  }
}

interface Lender {
  /** Where the next read goes. Memory that was not released stays with whoever has it: undici keeps parts of an unfinished head. */
  room(): Uint8Array
  /** Hands on the bytes of a read; false to stop reading. */
  deliver(size: number): boolean
  attach(socket: Socket): void
}

/** undici parses what it reads at once and without a copy, so what is read is given to it at once and not by way of the stream's own queue. */
function createLender(readings: WeakMap<ArrayBufferLike, Reading>): Lender {
  let socket: Socket | undefined
  let readOn: Socket['read'] = () => null
  let room = Buffer.alloc(0)
  let filled = 0
  let free = false
  let paused = false
  let lent: Buffer | undefined

  const reading: Reading = {
    pause() {
      paused = true
    },
    resume() {
      paused = false
      if (socket?.destroyed === false) readOn(0)
    },
    release(chunk) {
      if (chunk.buffer === room.buffer && chunk.byteOffset + chunk.byteLength === filled) free = true
    },
  }
  function take(): Buffer | undefined {
    const chunk = lent
    lent = undefined
    return chunk
  }

  return {
    room() {
      if (!free) {
        room = Buffer.allocUnsafeSlow(roomSize)
        readings.set(room.buffer, reading)
      }
      free = false
      return room
    },
    deliver(size) {
      if (socket === undefined) return false
      filled = size
      lent = room.subarray(0, size)
      if (socket.readableLength === 0) socket.emit('readable')
      const rest = take()
      if (rest !== undefined) return socket.push(rest)
      return socket.readableLength === 0 && !paused
    },
    attach(made) {
      socket = made
      readOn = made.read.bind(made)
      made.read = (size) => (size === 0 ? undefined : take()) ?? readOn(size)
    },
  }
}
