import type { CopySource, Heredoc, Word } from '../ast.ts'
import { reportNotStrings } from './command.ts'
import type { FlagValues } from './flags.ts'
import { checkFlags } from './flags.ts'
import { heredocContent, readHeredocMark } from './heredoc.ts'
import type { Parts, Reader, Report } from './parts.ts'
import { argsRange } from './parts.ts'
import { splitBlanks, wordOf } from './words.ts'

/** `COPY [flags] source… destination` */
export const readCopy: Reader = (parts, heredocs, report) => {
  const flags = checkFlags(parts, report)
  const transfer = readTransfer(parts, heredocs, flags, report)
  if (transfer === undefined || !flags.valid) return undefined
  const from = flags.text('from')
  return {
    kind: 'copy',
    ...transfer,
    ...(from && from.text !== '' && { from }),
    parents: flags.bool('parents') ?? false,
  }
}

/** `ADD [flags] source… destination` */
export const readAdd: Reader = (parts, heredocs, report) => {
  const flags = checkFlags(parts, report)
  const transfer = readTransfer(parts, heredocs, flags, report)
  if (transfer === undefined || !flags.valid) return undefined
  const checksum = flags.text('checksum')
  const keepGitDir = flags.bool('keep-git-dir')
  const unpack = flags.bool('unpack')
  return {
    kind: 'add',
    ...transfer,
    ...(checksum && { checksum }),
    ...(keepGitDir !== undefined && { keepGitDir }),
    ...(unpack !== undefined && { unpack }),
  }
}

interface Transfer {
  readonly sources: readonly CopySource[]
  readonly destination: Word
  readonly chown?: Word
  readonly chmod?: Word
  readonly link: boolean
  readonly excludes: readonly Word[]
}

function readTransfer(
  parts: Parts,
  heredocs: readonly Heredoc[],
  flags: FlagValues,
  report: Report,
): Transfer | undefined {
  const name = parts.name.toUpperCase()
  if (parts.json?.kind === 'notStrings') {
    reportNotStrings(parts, report)
    return undefined
  }
  const words =
    parts.json?.kind === 'array'
      ? parts.json.args
      : splitBlanks(parts.line.text, parts.args).map((span) => wordOf(parts.line, span))
  const destination = words.at(-1)
  if (destination === undefined || words.length < 2) {
    const hint =
      destination === undefined
        ? `Write "${name} source… destination"`
        : `Write "${name} ${destination.text} destination"; "." is the working directory`
    report('ARGUMENTS_INVALID', `${name} needs at least one source and a destination`, argsRange(parts), { hint })
    return undefined
  }
  if (readHeredocMark(destination.text) !== undefined) {
    const hint = `Write "${name} <<${readHeredocMark(destination.text)?.name} /path/of/the/file"`
    report('HEREDOC_MISPLACED', `${name} cannot have a heredoc as its destination`, destination.range, { hint })
    return undefined
  }
  const chown = flags.text('chown')
  const chmod = flags.text('chmod')
  return {
    sources: words.slice(0, -1).map((word) => readSource(parts, word, heredocs)),
    destination,
    ...(chown && { chown }),
    ...(chmod && { chmod }),
    link: flags.bool('link') ?? false,
    excludes: flags.list('exclude').map(({ word }) => word),
  }
}

function readSource({ line }: Parts, word: Word, heredocs: readonly Heredoc[]): CopySource {
  const mark = readHeredocMark(word.text)
  if (mark === undefined) return { kind: 'path', path: word }
  // Of two heredocs with one name BuildKit takes the last; in a JSON form there is no body, so the file is empty.
  const body = heredocs.findLast((heredoc) => heredoc.name === mark.name)
  const none = { content: '', contentRange: line.range(line.text.length, line.text.length) }
  const heredoc = { ...(body ?? none), ...mark, range: word.range }
  return { kind: 'heredoc', heredoc, content: heredocContent(heredoc) }
}
