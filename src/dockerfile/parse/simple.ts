import type { Word } from '../ast.ts'
import { trim } from '../go-text.ts'
import { readCommand, reportNotStrings } from './command.ts'
import { checkFlags } from './flags.ts'
import type { Parts, Reader, Report } from './parts.ts'
import { argsRange } from './parts.ts'
import { splitBlanks, wordOf } from './words.ts'

export const readCmd: Reader = (parts, _heredocs, report) => {
  const flags = checkFlags(parts, report)
  const command = readCommand(parts, report)
  return command && flags.valid ? { kind: 'cmd', command } : undefined
}

export const readEntrypoint: Reader = (parts, _heredocs, report) => {
  const flags = checkFlags(parts, report)
  const command = readCommand(parts, report)
  return command && flags.valid ? { kind: 'entrypoint', command } : undefined
}

export const readShell: Reader = (parts, _heredocs, report) => {
  const flags = checkFlags(parts, report)
  if (parts.json?.kind === 'notStrings') {
    reportNotStrings(parts, report)
    return undefined
  }
  if (parts.json?.kind !== 'array' || parts.json.args.length === 0) {
    const code =
      parts.args.end === parts.args.start || parts.json?.kind === 'array' ? 'ARGUMENTS_INVALID' : 'JSON_FORM_INVALID'
    const message = code === 'ARGUMENTS_INVALID' ? 'SHELL needs at least one argument' : 'SHELL must be a JSON array'
    report(code, message, argsRange(parts), { hint: 'Write \'SHELL ["/bin/bash", "-c"]\'' })
    return undefined
  }
  return flags.valid ? { kind: 'shell', args: parts.json.args } : undefined
}

export const readVolume: Reader = (parts, _heredocs, report) => {
  const flags = checkFlags(parts, report)
  if (parts.json?.kind === 'notStrings') {
    reportNotStrings(parts, report)
    return undefined
  }
  const words =
    parts.json?.kind === 'array'
      ? parts.json.args
      : splitBlanks(parts.line.text, parts.args).map((span) => wordOf(parts.line, span))
  if (words.length === 0) {
    report('ARGUMENTS_INVALID', 'VOLUME needs at least one path', argsRange(parts))
    return undefined
  }
  const paths = words.map(({ text, range }): Word => ({ text: trim(text), range }))
  const empty = paths.find(({ text }) => text === '')
  if (empty !== undefined) {
    report('ARGUMENTS_INVALID', 'VOLUME has an empty path', empty.range)
    return undefined
  }
  return flags.valid ? { kind: 'volume', paths } : undefined
}

export const readExpose: Reader = (parts, _heredocs, report) => {
  const flags = checkFlags(parts, report)
  const ports = splitBlanks(parts.line.text, parts.args).map((span) => wordOf(parts.line, span))
  if (ports.length === 0) {
    report('ARGUMENTS_INVALID', 'EXPOSE needs at least one port', argsRange(parts), {
      hint: 'Write "EXPOSE 8080" or "EXPOSE 53/udp"',
    })
    return undefined
  }
  return flags.valid ? { kind: 'expose', ports } : undefined
}

export const readUser: Reader = (parts, _heredocs, report) => {
  const user = readOne(parts, report)
  return user && { kind: 'user', user }
}

export const readWorkdir: Reader = (parts, _heredocs, report) => {
  const path = readOne(parts, report)
  return path && { kind: 'workdir', path }
}

export const readMaintainer: Reader = (parts, _heredocs, report) => {
  const name = readOne(parts, report)
  return name && { kind: 'maintainer', name }
}

export const readStopsignal: Reader = (parts, _heredocs, report) => {
  const signal = readOne(parts, report)
  return signal && { kind: 'stopsignal', signal }
}

/** The whole rest of the line, spaces included. */
function readOne(parts: Parts, report: Report): Word | undefined {
  const flags = checkFlags(parts, report)
  if (parts.args.end > parts.args.start) return flags.valid ? wordOf(parts.line, parts.args) : undefined
  report('ARGUMENTS_INVALID', `${parts.name.toUpperCase()} needs an argument`, argsRange(parts))
  return undefined
}
