import { TsbuildError } from '../base/errors.ts'
import type { RegistryClient, RegistryResponse } from './client.ts'
import { readBody } from './transport/body.ts'
import type { ReadLimits } from './transport/body.ts'
import { createBackoff } from './transport/retry.ts'

/**
 * Sends a request for a small document and reads it whole. A body that breaks off is asked for again by the table of retries, one of a
 * mirror from the registry itself (`direct`); an answer that was refused is final, `send` has tried its share.
 */
export async function readDocument<R extends RegistryResponse>(
  client: RegistryClient,
  send: (direct: boolean) => Promise<R>,
  limits: Omit<ReadLimits, 'deadline'> & {
    readonly signal: AbortSignal
    readonly notify?: ((note: string) => void) | undefined
  },
): Promise<{ readonly response: R; readonly bytes: Uint8Array }> {
  const backoff = createBackoff(client.retry, client.timing)
  let direct = false
  for (;;) {
    const response = await send(direct)
    try {
      const { limit, what } = limits
      return { response, bytes: await readBody(response, { limit, what, deadline: client.timeouts.document }) }
    } catch (error) {
      if (!(error instanceof TsbuildError)) throw error
      if (response.place.kind === 'mirror' && error.code !== 'CANCELLED') direct = true
      else if (!(await backoff.again(error, limits.signal, limits.notify))) throw error
    }
  }
}
