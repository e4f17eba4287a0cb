import { createInterface } from 'node:readline/promises'
import type { CommandContext } from '../command.ts'

/** Asks before something that cannot be undone, as docker's prune does. No terminal and no answer mean no. */
export async function confirm(warning: string, { terminal, signal }: CommandContext): Promise<boolean> {
  const lines = createInterface({ input: terminal.stdin, output: terminal.stdout, terminal: false })
  terminal.print(`${warning}\nAre you sure you want to continue? [y/N] `)
  try {
    for await (const line of lines) {
      signal.throwIfAborted()
      return /^y(es)?$/i.test(line.trim())
    }
    return false
  } finally {
    lines.close()
  }
}
