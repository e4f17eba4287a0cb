import { execFile } from 'node:child_process'
import { TsbuildError, cancelled } from './errors.ts'

export interface ProcessOptions {
  readonly signal?: AbortSignal
  readonly env?: Readonly<Record<string, string>>
}

/** More output than this is not what we call programs for. */
const maxOutput = 64 * 1024 * 1024

/** Runs a program of the host to its end and gives its stdout. PROCESS_FAILED with what it wrote to stderr; its cause has the errno when it could not start. */
export function processOutput(program: string, args: readonly string[], options: ProcessOptions = {}): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  execFile(program, [...args], { maxBuffer: maxOutput, ...options }, (error, stdout, stderr) => {
    if (error === null) resolve(stdout)
    else if (options.signal?.aborted === true) reject(cancelled(options.signal))
    else
      reject(
        new TsbuildError('PROCESS_FAILED', `${program}: ${stderr.replaceAll('\r\n', '\n').trim() || error.message}`, {
          cause: error,
        }),
      )
  })
  return promise
}
