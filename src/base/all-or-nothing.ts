/**
 * Waits for jobs that run side by side and all hear of `stop`. The first failure aborts the others; it is thrown only after every job
 * has ended, so that nothing goes on working behind the caller's back.
 */
export async function allOrNothing<T>(jobs: readonly Promise<T>[], stop: AbortController): Promise<readonly T[]> {
  let first: { readonly error: unknown } | undefined
  const watched = jobs.map((job) =>
    job.catch((error: unknown) => {
      if (first === undefined) {
        first = { error }
        stop.abort(error)
      }
      throw error
    }),
  )
  const ended = await Promise.allSettled(watched)
  if (first !== undefined) throw first.error
  return ended.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
}
