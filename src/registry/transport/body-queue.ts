import { sparingly } from '../../base/sparingly.ts'
import { createBlockQueue } from './block-queue.ts'

export interface BodyQueueOptions {
  /** Milliseconds in which at least `minimum` bytes must come while the reader waits. */
  readonly idle: number
  readonly minimum: number
  readonly pause: () => void
  readonly resume: () => void
  /** The reader went away before the end. */
  readonly stop: () => void
  readonly stalled: () => void
}

/** The body of an answer between the connection, which pushes, and one reader, which pulls. */
export interface BodyQueue {
  readonly body: AsyncIterable<Uint8Array>
  /** As `body`, without a copy: a chunk is overwritten once the next is asked for. */
  readonly lent: AsyncIterable<Uint8Array>
  discard(): Promise<void>
  /** The headers are there: from now on the body must make progress. */
  start(): void
  /** The chunk is copied. */
  push(chunk: Uint8Array): void
  end(): void
  fail(error: Error): void
}

/** Held back for a slow reader; more makes the connection pause. */
const highWater = 256 * 1024
/** Reading so much of an unwanted body, or waiting so long for it, is cheaper than a new connection. */
const discardLimit = 64 * 1024
const discardTime = 500

export function createBodyQueue(options: BodyQueueOptions): BodyQueue {
  const held = createBlockQueue()
  let ended = false
  let paused = false
  let failure: Error | undefined
  let wake: (() => void) | undefined
  let timer: NodeJS.Timeout | undefined
  let arrived = 0
  let readerWasSlow = false

  function settle(): void {
    clearInterval(timer)
    wake?.()
  }
  function check(): void {
    if (arrived < options.minimum && !readerWasSlow) options.stalled()
    arrived = 0
    readerWasSlow = held.size > 0
  }
  function resume(): void {
    if (!paused) return
    paused = false
    options.resume()
  }
  function pull(): Uint8Array | undefined {
    const chunk = held.take()
    if (held.size < highWater / 2) resume()
    return chunk
  }

  async function* read(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        const chunk = pull()
        if (chunk !== undefined) {
          yield chunk
          continue
        }
        if (failure !== undefined) throw failure
        if (ended) return
        await new Promise<void>((resolve) => {
          wake = resolve
        })
        wake = undefined
      }
    } finally {
      clearInterval(timer)
      if (!ended && failure === undefined) options.stop()
    }
  }

  const lent = read()
  return {
    body: sparingly(copied(lent)),
    lent,
    start() {
      timer = setInterval(check, options.idle)
    },
    push(chunk) {
      held.append(chunk)
      arrived += chunk.byteLength
      if (held.size > highWater && !paused) {
        paused = true
        readerWasSlow = true
        options.pause()
      }
      wake?.()
    },
    end() {
      ended = true
      resume() // the connection is another answer's now
      settle()
    },
    fail(error) {
      failure ??= error
      settle()
    },
    async discard() {
      let seen = 0
      const impatience = setTimeout(() => {
        if (!ended && failure === undefined) options.stop()
      }, discardTime)
      try {
        for await (const chunk of lent) {
          seen += chunk.byteLength
          if (seen > discardLimit) return
        }
      } catch {
        // The answer counted; how its body ends does not.
      } finally {
        clearTimeout(impatience)
      }
    },
  }
}

async function* copied(lent: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of lent) yield Buffer.from(chunk)
}
