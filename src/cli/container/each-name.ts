import { createLimiter } from '../../base/limiter.ts'
import type { CommandContext } from '../command.ts'

/** Containers that one command works on at the same time: stops wait, so more than there are CPUs. */
const atOnce = 50

/**
 * Does the same for every name, several at once, and prints what each gives (the name, when nothing; no line for null) in the order of the names. A
 * failure is reported and the others go on. Resolves with the exit status: 1 when any failed.
 */
export async function eachName(
  names: readonly string[],
  context: CommandContext,
  action: (name: string) => Promise<string | null | undefined | void>,
): Promise<number> {
  const limiter = createLimiter(atOnce)
  const jobs = names.map((name) =>
    limiter
      .run(() => action(name), context.signal)
      .then(
        (text) => ({ text: text === null ? null : (text ?? name), failed: false as const }),
        (error: unknown) => ({ error, failed: true as const }),
      ),
  )
  let status = 0
  for (const job of jobs) {
    const outcome = await job
    if (outcome.failed) {
      context.signal.throwIfAborted()
      context.report(outcome.error)
      status = 1
    } else if (outcome.text !== null) context.terminal.printLine(outcome.text)
  }
  return status
}
