import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

/** A program of the host that is read while it runs. */
export interface ProcessLines extends Disposable {
  /** Its stdout, until it ends. Rejects with an errno when it could not start. */
  readonly lines: AsyncIterable<string>
  /** Ends it, and with it the lines. */
  [Symbol.dispose](): void
}

export function processLines(program: string, args: readonly string[], signal: AbortSignal): ProcessLines {
  const child = spawn(program, [...args], { stdio: ['ignore', 'pipe', 'ignore'], signal })
  const failed = new Promise<never>((_, reject) => child.once('error', reject))
  failed.catch(() => {})
  async function* read(): AsyncGenerator<string> {
    const lines = createInterface({ input: child.stdout, crlfDelay: Infinity })[Symbol.asyncIterator]()
    for (;;) {
      const next = await Promise.race([lines.next(), failed])
      if (next.done === true) return
      yield next.value
    }
  }
  return { lines: read(), [Symbol.dispose]: () => void child.kill() }
}
