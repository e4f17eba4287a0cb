import { TsbuildError, cancelled, messageOf } from '../../base/errors.ts'
import type { HttpResponse, Wrapper } from './http.ts'
import type { Timing } from './timing.ts'

/** How often something is tried in all, and how long the first wait is; each further one is twice as long, up to `cap`. */
export interface RetryRule {
  readonly attempts: number
  readonly base: number
  readonly cap: number
}

export interface RetryPolicy {
  /** A server's failure that is likely to pass. */
  readonly passing: RetryRule
  /** 429: the server asks for patience. */
  readonly throttled: RetryRule
  /** Connection refused, no answer: seldom better soon. */
  readonly unreachable: RetryRule
  /** Longest wait that Retry-After may impose; a longer one ends the operation and is shown to the user. */
  readonly maxWait: number
}

export const defaultRetryPolicy: RetryPolicy = {
  passing: { attempts: 5, base: 300, cap: 8000 },
  throttled: { attempts: 7, base: 1000, cap: 30_000 },
  unreachable: { attempts: 3, base: 250, cap: 1000 },
  maxWait: 60_000,
}

/** 499 and 52x come from proxies in front of registries (nginx, Cloudflare) whose upstream failed. */
const passingStatus: ReadonlySet<number> = new Set([408, 425, 499, 500, 502, 503, 504, 520, 521, 522, 523, 524])

/** What an attempt ended with. */
export type Outcome = TsbuildError | Pick<HttpResponse, 'status' | 'headers'>

/** Decides over several failures of one operation whether to try again, and waits. */
export interface Backoff {
  /** True after a wait: try again. False: it is final. Rejects with CANCELLED when the signal fires meanwhile. */
  again(outcome: Outcome, signal: AbortSignal, notify?: (note: string) => void): Promise<boolean>
  /** Progress was made since the last failure: it counts anew. */
  reset(): void
}

export function createBackoff(policy: RetryPolicy, timing: Timing): Backoff {
  let failures = 0
  return {
    reset() {
      failures = 0
    },
    async again(outcome, signal, notify) {
      if (signal.aborted) throw cancelled(signal)
      const rule = ruleFor(outcome, policy)
      failures += 1
      if (rule === undefined || failures >= rule.attempts) return false
      const asked = outcome instanceof TsbuildError ? undefined : retryAfter(outcome, timing)
      if (asked !== undefined && asked > policy.maxWait) return false
      const own = Math.min(rule.cap, rule.base * 2 ** (failures - 1)) * (0.5 + timing.random() / 2)
      const wait = Math.max(asked ?? 0, own)
      notify?.(`${describe(outcome)}, next try in ${formatWait(wait)}`)
      try {
        await timing.sleep(wait, signal)
      } catch {
        throw cancelled(signal)
      }
      return true
    },
  }
}

/** Sends repeatable requests again by the policy's table. The last answer is given on as it is. */
export function withRetry(policy: RetryPolicy, timing: Timing): Wrapper {
  return (next) => async (request) => {
    const backoff = createBackoff(policy, timing)
    for (;;) {
      const outcome = await next(request).catch((error: unknown) => {
        if (error instanceof TsbuildError) return error
        throw error
      })
      const failed = outcome instanceof TsbuildError || ruleFor(outcome, policy) !== undefined
      if (failed && request.repeatable && (await backoff.again(outcome, request.signal, request.notify))) {
        if (!(outcome instanceof TsbuildError)) await outcome.discard()
        continue
      }
      if (outcome instanceof TsbuildError) throw outcome
      return outcome
    }
  }
}

/** Milliseconds that Retry-After asks for: seconds, a date, or (Docker Hub) seconds since the epoch. */
export function retryAfter(response: Pick<HttpResponse, 'headers'>, timing: Pick<Timing, 'now'>): number | undefined {
  const value = response.headers['retry-after']?.trim()
  if (value === undefined || value === '') return undefined
  if (/^\d{1,12}(\.\d+)?$/.test(value)) {
    const seconds = Number(value)
    return Math.max(0, seconds > 1_000_000_000 ? seconds * 1000 - timing.now() : seconds * 1000)
  }
  const date = Date.parse(value)
  return Number.isNaN(date) ? undefined : Math.max(0, date - timing.now())
}

export function formatWait(milliseconds: number): string {
  const seconds = milliseconds / 1000
  if (seconds < 10) return `${seconds.toFixed(1)} s`
  if (seconds < 120) return `${Math.ceil(seconds)} s`
  return seconds < 7200 ? `${Math.ceil(seconds / 60)} min` : `${Math.ceil(seconds / 3600)} h`
}

function ruleFor(outcome: Outcome, policy: RetryPolicy): RetryRule | undefined {
  if (!(outcome instanceof TsbuildError)) {
    if (outcome.status === 429) return policy.throttled
    return passingStatus.has(outcome.status) ? policy.passing : undefined
  }
  if (outcome.details['final'] === true) return undefined
  const reason = outcome.details['reason']
  if (outcome.code === 'REGISTRY_TIMEOUT') return policy.unreachable
  if (outcome.code !== 'REGISTRY_UNREACHABLE' || reason === 'ENOTFOUND') return undefined
  return reason === 'ECONNREFUSED' || reason === 'EHOSTUNREACH' ? policy.unreachable : policy.passing
}

function describe(outcome: Outcome): string {
  if (outcome instanceof TsbuildError) return messageOf(outcome)
  return outcome.status === 429 ? 'The registry asks to slow down' : `The registry answered ${outcome.status}`
}
