import { formatValues } from '../../ui/format-value.ts'
import type { CommandContext } from '../command.ts'

/**
 * Prints what `inspect` commands print: one JSON array of everything that was found, or the template for each. What is not found is
 * reported after it. Resolves with the exit status.
 */
export async function inspectEach(
  names: readonly string[],
  format: string | undefined,
  context: CommandContext,
  find: (name: string) => Promise<object>,
): Promise<number> {
  const found: object[] = []
  const failures: unknown[] = []
  for (const name of names) {
    try {
      found.push(await find(name))
    } catch (error) {
      failures.push(error)
    }
  }
  if (format === undefined) context.terminal.printLine(JSON.stringify(found, undefined, 4))
  else context.terminal.print(formatValues(format, found))
  for (const failure of failures) context.report(failure)
  return failures.length === 0 ? 0 : 1
}
