import type { CommandLine, HealthcheckInstruction, Word } from '../ast.ts'
import { quoted } from '../diagnostics.ts'
import { isBlank } from '../go-text.ts'
import { didYouMean } from '../nearest.ts'
import { parseDuration } from '../values/number.ts'
import { reportNotStrings } from './command.ts'
import type { FlagValues } from './flags.ts'
import { checkFlags } from './flags.ts'
import { readJsonForm } from './json-form.ts'
import type { Parts, Reader, Report } from './parts.ts'
import { argsRange } from './parts.ts'
import type { Span } from './words.ts'
import { wordOf } from './words.ts'

/** `HEALTHCHECK [flags] CMD command` or `HEALTHCHECK NONE` */
export const readHealthcheck: Reader = (parts, _heredocs, report) => {
  const { line, args } = parts
  let end = args.start
  while (end < args.end && !isBlank(line.text.charCodeAt(end))) end++
  let start = end
  while (start < args.end && isBlank(line.text.charCodeAt(start))) start++
  const type = wordOf(line, { start: args.start, end })
  const rest = { start, end: args.end }
  if (type.text === '') {
    report('ARGUMENTS_INVALID', 'HEALTHCHECK needs "CMD command" or "NONE"', argsRange(parts))
    return undefined
  }
  if (type.text.toUpperCase() === 'NONE') return readNone(parts, rest, report)
  const flags = checkFlags(parts, report)
  const times = readTimes(flags, report)
  const command = readTest(parts, type, rest, report)
  return times && command && flags.valid
    ? { kind: 'healthcheck', test: { kind: 'command', command }, ...times }
    : undefined
}

function readNone(parts: Parts, rest: Span, report: Report): ReturnType<Reader> {
  // BuildKit reads the JSON form before it looks at the type, so its error comes first.
  const json = readJsonForm(parts.line, rest)
  checkFlags(parts, report, { ignored: true })
  if (json.kind === 'notStrings') return reportNotStrings(parts, report)
  const empty = json.kind === 'array' ? json.args.length === 0 : rest.start === rest.end
  if (!empty)
    return report('ARGUMENTS_INVALID', 'HEALTHCHECK NONE takes no arguments', parts.line.range(rest.start, rest.end))
  return {
    kind: 'healthcheck',
    test: { kind: 'none' },
    interval: 0,
    timeout: 0,
    startPeriod: 0,
    startInterval: 0,
    retries: 0,
  }
}

function readTest(parts: Parts, type: Word, rest: Span, report: Report): CommandLine | undefined {
  const json = readJsonForm(parts.line, rest)
  if (json.kind === 'notStrings') return reportNotStrings(parts, report)
  if (type.text.toUpperCase() !== 'CMD') {
    const hint = didYouMean(type.text.toUpperCase(), ['CMD', 'NONE']) ?? 'Put "CMD" in front of the command'
    return report('ARGUMENTS_INVALID', `HEALTHCHECK has the unknown type ${quoted(type.text)}`, type.range, {
      hint,
    })
  }
  const range = parts.line.range(rest.start, rest.end)
  const empty = json.kind === 'array' ? json.args.length === 0 : rest.start === rest.end
  if (empty) return report('ARGUMENTS_INVALID', 'HEALTHCHECK CMD needs a command', type.range)
  return json.kind === 'array'
    ? { form: 'exec', args: json.args, range }
    : { form: 'shell', line: wordOf(parts.line, rest), range }
}

type Times = Pick<HealthcheckInstruction, 'interval' | 'timeout' | 'startPeriod' | 'startInterval' | 'retries'>

function readTimes(flags: FlagValues, report: Report): Times | undefined {
  const interval = readDuration(flags, 'interval', report)
  const timeout = readDuration(flags, 'timeout', report)
  const startPeriod = readDuration(flags, 'start-period', report)
  const startInterval = readDuration(flags, 'start-interval', report)
  const retries = readRetries(flags.text('retries'), report)
  if (
    interval === undefined ||
    timeout === undefined ||
    startPeriod === undefined ||
    startInterval === undefined ||
    retries === undefined
  )
    return undefined
  return { interval, timeout, startPeriod, startInterval, retries }
}

function readDuration(flags: FlagValues, name: string, report: Report): number | undefined {
  const word = flags.text(name)
  if (word === undefined || word.text === '') return 0
  const duration = parseDuration(word.text)
  if (duration.ok) return duration.value
  return report('FLAG_INVALID', `flag "--${name}" is invalid: ${duration.problem.message}`, word.range, {
    hint: duration.problem.hint,
  })
}

function readRetries(word: Word | undefined, report: Report): number | undefined {
  if (word === undefined || word.text === '') return 0
  const retries = Number(word.text)
  if (/^[-+]?\d+$/.test(word.text) && retries >= 0 && retries < 2 ** 31) return Math.abs(retries)
  return report(
    'FLAG_INVALID',
    `flag "--retries" must be a whole number that is not negative, not ${quoted(word.text)}`,
    word.range,
  )
}
