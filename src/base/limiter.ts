/** Runs at most `size` jobs at once, in the order in which they were asked for. */
export interface Limiter {
  /** Waits for a place, then runs `job`. Rejects with the abort reason when `signal` fires before the job has started. */
  run<T>(job: () => Promise<T>, signal?: AbortSignal): Promise<T>
}

export function createLimiter(size: number): Limiter {
  if (!Number.isInteger(size) || size < 1) throw new RangeError(`Limiter needs a size of at least 1, got ${size}`)
  let free = size
  const waiting: (() => void)[] = []

  async function acquire(signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted()
    if (free > 0) {
      free -= 1
      return
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const onAbort = (): void => {
      waiting.splice(waiting.indexOf(wake), 1)
      reject(signal?.reason)
    }
    const wake = (): void => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    waiting.push(wake)
    await promise
  }

  function release(): void {
    const next = waiting.shift()
    if (next === undefined) free += 1
    else next()
  }

  return {
    async run(job, signal) {
      await acquire(signal)
      try {
        return await job()
      } finally {
        release()
      }
    },
  }
}
