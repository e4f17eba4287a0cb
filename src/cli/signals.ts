import { TsbuildError } from '../base/errors.ts'

const watched = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Signals that a proxying command passes on as well. */
const proxied = ['SIGUSR1', 'SIGUSR2', 'SIGQUIT', 'SIGCONT', 'SIGWINCH'] as const

export interface SignalSource {
  on(signal: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void): unknown
  off(signal: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void): unknown
  exit(code: number): never
}

export interface WatchedSignals extends Disposable {
  /** Aborts with CANCELLED at the first signal. */
  readonly signal: AbortSignal
  readonly received: NodeJS.Signals | undefined
  take(listener: (signal: NodeJS.Signals) => void): Disposable
}

/**
 * The first SIGINT, SIGTERM or SIGHUP aborts the command, which then undoes its half work; a second one ends the process at once
 * (the native core dies with it, so nothing keeps running).
 */
export function watchSignals(source: SignalSource): WatchedSignals {
  const controller = new AbortController()
  let received: NodeJS.Signals | undefined
  let taker: ((signal: NodeJS.Signals) => void) | undefined
  const listener = (signal: NodeJS.Signals): void => {
    if (taker !== undefined) {
      taker(signal)
      return
    }
    if (received !== undefined) source.exit(130)
    received = signal
    controller.abort(new TsbuildError('CANCELLED', `Stopped by ${signal}`))
  }
  for (const name of watched) source.on(name, listener)
  return {
    signal: controller.signal,
    get received() {
      return received
    },
    take(next) {
      taker = next
      for (const name of proxied) source.on(name, next)
      return {
        [Symbol.dispose]() {
          taker = undefined
          for (const name of proxied) source.off(name, next)
        },
      }
    },
    [Symbol.dispose]() {
      for (const name of watched) source.off(name, listener)
    },
  }
}
