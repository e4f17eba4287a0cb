import type { Heredoc, Instruction, InstructionBase } from '../ast.ts'
import { quoted } from '../diagnostics.ts'
import { trim } from '../go-text.ts'
import { didYouMean } from '../nearest.ts'
import { flagNodes } from './flags.ts'
import { readFrom } from './from.ts'
import { readHealthcheck } from './healthcheck.ts'
import { readArg, readEnv, readLabel } from './key-values.ts'
import type { Parts, Reader, Report } from './parts.ts'
import { splitInstruction } from './parts.ts'
import { readRun } from './run.ts'
import {
  readCmd,
  readEntrypoint,
  readExpose,
  readMaintainer,
  readShell,
  readStopsignal,
  readUser,
  readVolume,
  readWorkdir,
} from './simple.ts'
import { readAdd, readCopy } from './transfer.ts'

const readers: Readonly<Record<string, Reader>> = {
  add: readAdd,
  arg: readArg,
  cmd: readCmd,
  copy: readCopy,
  entrypoint: readEntrypoint,
  env: readEnv,
  expose: readExpose,
  from: readFrom,
  healthcheck: readHealthcheck,
  label: readLabel,
  maintainer: readMaintainer,
  run: readRun,
  shell: readShell,
  stopsignal: readStopsignal,
  user: readUser,
  volume: readVolume,
  workdir: readWorkdir,
}

/** Every instruction, in upper case. */
export const instructionNames: readonly string[] = [...Object.keys(readers), 'onbuild']
  .map((name) => name.toUpperCase())
  .sort()

const withHeredoc: ReadonlySet<string> = new Set(['add', 'copy', 'run'])

/** True when a `<<` on the instruction's line can begin a heredoc: ADD, COPY, RUN, also behind ONBUILD, not in JSON form. */
export function canHaveHeredoc(parts: Parts): boolean {
  const target = parts.name === 'onbuild' ? triggerParts(parts) : parts
  return withHeredoc.has(target.name) && target.json?.kind !== 'array'
}

/** What the base of an instruction cannot know from its line alone. */
export type Frame = Pick<InstructionBase, 'range' | 'text' | 'emptyLines'>

/** Makes the instruction of its parts; `invalid` when an error was reported. */
export function readInstruction(parts: Parts, frame: Frame, heredocs: readonly Heredoc[], report: Report): Instruction {
  const base: InstructionBase = {
    keyword: parts.keyword,
    ...frame,
    code: trim(parts.line.text),
    flags: flagNodes(parts),
    heredocs,
    comments: parts.comments,
  }
  if (parts.name === 'onbuild') return readOnbuild(parts, base, heredocs, report)
  const reader = Object.hasOwn(readers, parts.name) ? readers[parts.name] : undefined
  if (reader === undefined) {
    const upper = parts.keyword.text.toUpperCase()
    const hint = didYouMean(upper, instructionNames) ?? unknownHint(upper)
    report('INSTRUCTION_UNKNOWN', `unknown instruction ${quoted(parts.keyword.text)}`, parts.keyword.range, { hint })
    return { ...base, kind: 'invalid' }
  }
  const fields = reader(parts, heredocs, report)
  return fields === undefined ? { ...base, kind: 'invalid' } : { ...base, ...fields }
}

function unknownHint(keyword: string): string | undefined {
  if (keyword.startsWith('//') || keyword.startsWith('--')) return 'A comment line begins with "#"'
  if (/^\{[{%]/.test(keyword)) return 'This looks like a template that was not rendered'
  if (/^[<>=|]{7}/.test(keyword)) return 'This is the mark of a merge conflict'
  if (/^[^A-Z]|[^A-Z]/.test(keyword))
    return 'If the line continues the one before, that line must end with the escape character, usually "\\"'
  return undefined
}

/** The instruction behind ONBUILD. A second ONBUILD is not taken apart further, it is an error anyway. */
function triggerParts(parts: Parts): Parts {
  return splitInstruction(parts.line, parts.args, parts.escape, [])
}

function readOnbuild(parts: Parts, base: InstructionBase, heredocs: readonly Heredoc[], report: Report): Instruction {
  const invalid: Instruction = { ...base, kind: 'invalid' }
  let valid = parts.flags.length === 0
  for (const token of parts.flags) {
    report('FLAG_UNKNOWN', `unknown flag ${quoted(token.text)} for ONBUILD`, parts.line.range(token.start, token.end), {
      hint: 'Put the flag behind the instruction that ONBUILD holds',
    })
  }
  if (parts.args.start === parts.args.end) {
    report('ARGUMENTS_INVALID', 'ONBUILD needs an instruction', parts.keyword.range, {
      hint: 'Write "ONBUILD RUN …" or "ONBUILD COPY …"',
    })
    return invalid
  }
  const inner = triggerParts(parts)
  if (['onbuild', 'from', 'maintainer'].includes(trim(inner.name))) {
    report('ONBUILD_INVALID', `${trim(inner.name).toUpperCase()} is not allowed behind ONBUILD`, inner.keyword.range)
    return invalid
  }
  // BuildKit looks into the trigger only when it fires, in another build. A warning now is better than an error there.
  const reportTrigger: Report = (code, message, range, options = {}) => {
    const severity = options.early === true ? (options.severity ?? 'error') : 'warning'
    if (severity === 'error') valid = false
    report(code, message, range, { ...options, severity })
  }
  const frame = {
    range: parts.line.range(parts.args.start, parts.args.end),
    text: parts.line.text.slice(parts.args.start, parts.args.end),
    emptyLines: [],
  }
  const trigger = readInstruction(inner, frame, heredocs, reportTrigger)
  if (!valid) return invalid
  const bodies = heredocs.map(({ content, name }) => `\n${content}${name}`).join('')
  const expression = parts.line.text.replace(/^[\t\n\f\r ]*ONBUILD[\t\n\f\r ]*/i, '') + bodies
  return { ...base, kind: 'onbuild', expression, trigger }
}
