import { TsbuildError } from '../base/errors.ts'
import type { CommandEntry } from './command.ts'

/**
 * The exit status of an error. 1 is the common one, 2 a wrong command line, 130 an interrupt. `run` keeps docker's numbers, because
 * all others belong to the container: 125 tsbuild failed, 126 the command cannot be executed, 127 it was not found; `exec` shares the
 * last two.
 */
export function exitCodeOf(error: unknown, failure: CommandEntry['failure']): number {
  if (!(error instanceof TsbuildError)) return failure === 'run' ? 125 : 1
  if (error.kind === 'cancelled') return 130
  if (failure !== undefined && error.code === 'EXEC_NOT_FOUND') return 127
  if (failure !== undefined && error.code === 'EXEC_DENIED') return 126
  if (failure === 'run') return 125
  return error.kind === 'usage' ? 2 : 1
}
