import type { CommandLine } from '../ast.ts'
import type { Parts, Report } from './parts.ts'
import { argsRange } from './parts.ts'
import { wordOf } from './words.ts'

/** The command of RUN, CMD, ENTRYPOINT: exec form when it is a JSON array of strings, else one line for the shell. */
export function readCommand(parts: Parts, report: Report): CommandLine | undefined {
  const range = argsRange(parts)
  if (parts.json?.kind === 'notStrings') {
    reportNotStrings(parts, report)
    return undefined
  }
  if (parts.json?.kind === 'array') return { form: 'exec', args: parts.json.args, range }
  return { form: 'shell', line: wordOf(parts.line, parts.args), range }
}

export function reportNotStrings(parts: Parts, report: Report): undefined {
  const hint = 'Put every element in double quotes'
  report(
    'JSON_FORM_INVALID',
    `JSON form of ${parts.name.toUpperCase()} has an element that is not a string`,
    argsRange(parts),
    { hint, early: true },
  )
}
