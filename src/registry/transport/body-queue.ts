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
  discard(): Promise<void>
  /** The headers are there: from now on the body must make progress. */
  start(): void
  push(chunk: Uint8Array): void
  end(): void
  fail(error: Error): void
}

/** Held back for a slow reader; more makes the connection pause. */
const highWater = 256 * 1024
/** A body in chunks of a byte costs a hundred times its size. */
const manyChunks = 1000
/** Reading so much of an unwanted body, or waiting so long for it, is cheaper than a new connection. */
const discardLimit = 64 * 1024
const discardTime = 500

export function createBodyQueue(options: BodyQueueOptions): BodyQueue {
  const chunks: Uint8Array[] = []
  let held = 0
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
    readerWasSlow = held > 0
  }
  function pull(): Uint8Array | undefined {
    const chunk = chunks.shift()
    if (chunk === undefined) return undefined
    held -= chunk.byteLength
    if (paused && held < highWater / 2 && chunks.length < manyChunks / 2) {
      paused = false
      options.resume()
    }
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

  const body = read()
  return {
    body,
    start() {
      timer = setInterval(check, options.idle)
    },
    push(chunk) {
      chunks.push(chunk)
      held += chunk.byteLength
      arrived += chunk.byteLength
      if ((held > highWater || chunks.length > manyChunks) && !paused) {
        paused = true
        readerWasSlow = true
        options.pause()
      }
      wake?.()
    },
    end() {
      ended = true
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
        for await (const chunk of body) {
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
