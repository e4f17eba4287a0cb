/** Shares one running job between all callers that ask for the same key while it runs. */
export interface SingleFlight<T> {
  run(key: string, job: () => Promise<T>): Promise<T>
}

export function createSingleFlight<T>(): SingleFlight<T> {
  const running = new Map<string, Promise<T>>()
  return {
    run(key, job) {
      const current = running.get(key)
      if (current !== undefined) return current
      const started = job().finally(() => running.delete(key))
      running.set(key, started)
      return started
    },
  }
}
