/** Milliseconds that each phase of an exchange may take without progress. */
export interface Timeouts {
  /** Name look-up, TCP and TLS together. */
  readonly connect: number
  /** From the end of the request to the end of the answer's headers. */
  readonly headers: number
  /** Without `minimumProgress` bytes of body, in either direction. */
  readonly idle: number
  /** From the end of an upload to the answer: big blobs are hashed or copied by the server first. */
  readonly commit: number
  /** For a small document as a whole: manifests, tokens, lists, error bodies. */
  readonly document: number
}

export const defaultTimeouts: Timeouts = {
  connect: 15_000,
  headers: 60_000,
  idle: 45_000,
  commit: 600_000,
  document: 180_000,
}

/** A peer that sends less than this within an idle time-out is as good as dead. */
export const minimumProgress = 1024

/** Clock and chance, given in so that tests decide them. */
export interface Timing {
  /** Milliseconds since the epoch. */
  now(): number
  /** In [0, 1). */
  random(): number
  /** Rejects with the signal's reason when it fires first. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>
}

export const systemTiming: Timing = {
  now: () => Date.now(),
  random: () => Math.random(),
  sleep(milliseconds, signal) {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason)
        return
      }
      const onAbort = (): void => {
        clearTimeout(timer)
        reject(signal.reason)
      }
      const timer = setTimeout(() => {
        signal.removeEventListener('abort', onAbort)
        resolve()
      }, milliseconds)
      signal.addEventListener('abort', onAbort, { once: true })
    })
  },
}
