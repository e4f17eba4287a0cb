import { createInterface } from 'node:readline/promises'
import type { CommandContext } from '../command.ts'

/** Asks before something that cannot be undone, as docker's prune does. No terminal and no answer mean no; an interrupt is the abort's reason. */
export async function confirm(warning: string, { terminal, signal }: CommandContext): Promise<boolean> {
  const lines = createInterface({ input: terminal.stdin, output: terminal.stdout, terminal: false, signal })
  terminal.print(`${warning}\nAre you sure you want to continue? [y/N] `)
  try {
    for await (const line of lines) return /^y(es)?$/i.test(line.trim())
    signal.throwIfAborted()
    return false
  } finally {
    lines.close()
  }
}
