import type { Terminal } from './terminal.ts'

/** Runs `job` and shows on a terminal meanwhile that it takes a moment; elsewhere shows nothing. The line is gone afterwards. */
export async function showWait<T>(terminal: Terminal, text: string, job: () => Promise<T>): Promise<T> {
  if (!terminal.colour) return job()
  const { default: ora } = await import('ora')
  const spinner = ora({ text, stream: terminal.stderr as NodeJS.WriteStream, discardStdin: false }).start()
  try {
    return await job()
  } finally {
    spinner.stop()
  }
}
