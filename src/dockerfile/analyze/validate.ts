import type { AddInstruction, CopyInstruction, Instruction, Word } from '../ast.ts'
import type { Diagnostic, DiagnosticCode, Problem } from '../diagnostics.ts'
import { quoted } from '../diagnostics.ts'
import type { Range } from '../source.ts'
import { compileMatch, hasWildcard } from '../ignore/wildcard.ts'
import { parseChmod } from '../values/chmod.ts'
import { parsePort } from '../values/port.ts'
import { parseSignal } from '../values/signal.ts'
import type { TransferSource } from '../values/transfer-source.ts'
import { classifySource } from '../values/transfer-source.ts'

/** Problems of an instruction's values after expansion. */
export function validateValues(instruction: Instruction): readonly Diagnostic[] {
  const diagnostics: Diagnostic[] = []
  const add = (problem: Problem, range: Range): void => {
    const { code, message, hint } = problem
    diagnostics.push({ code, severity: 'error', message, range, ...(hint !== undefined && { hint }) })
  }
  switch (instruction.kind) {
    case 'expose':
      for (const { text, range } of instruction.ports) {
        const port = parsePort(text)
        if (!port.ok) add(port.problem, range)
        if (text.startsWith('#')) break
      }
      break
    case 'stopsignal': {
      const signal = parseSignal(instruction.signal.text)
      if (!signal.ok) add(signal.problem, instruction.signal.range)
      break
    }
    case 'volume':
      for (const { text, range } of instruction.paths)
        if (text === '') add({ code: 'ARGUMENTS_INVALID', message: 'VOLUME has an empty path' }, range)
      break
    case 'copy':
    case 'add':
      validateTransfer(instruction, add)
      break
    case 'run':
      if (instruction.command.form === 'exec' && instruction.command.args.length === 0) {
        add({ code: 'ARGUMENTS_INVALID', message: 'RUN has no command' }, instruction.command.range)
      }
      break
    case 'from':
    case 'env':
    case 'label':
    case 'arg':
    case 'cmd':
    case 'entrypoint':
    case 'shell':
    case 'user':
    case 'workdir':
    case 'maintainer':
    case 'healthcheck':
    case 'onbuild':
    case 'invalid':
      break
  }
  return diagnostics
}

type Add = (problem: Problem, range: Range) => void

function validateTransfer(instruction: CopyInstruction | AddInstruction, add: Add): void {
  if (instruction.chmod !== undefined && instruction.chmod.text !== '') {
    const chmod = parseChmod(instruction.chmod.text)
    if (!chmod.ok) add(chmod.problem, instruction.chmod.range)
  }
  const sources = instruction.sources.flatMap((source) => (source.kind === 'path' ? [source.path] : []))
  const kinds = sources.map((word) => validateSource(instruction, word, add))
  if (instruction.kind === 'add' && instruction.checksum !== undefined && instruction.checksum.text !== '')
    validateChecksum(instruction.checksum, sources, kinds, add)
}

function validateSource(
  instruction: CopyInstruction | AddInstruction,
  { text, range }: Word,
  add: Add,
): TransferSource | undefined {
  const source = classifySource(text)
  if (!source.ok) {
    add(source.problem, range)
    return undefined
  }
  if (instruction.kind === 'copy' && source.value.kind !== 'local') {
    const what = source.value.kind === 'git' ? 'a git repository' : 'a URL'
    add(
      { code: 'SOURCE_INVALID', message: `COPY cannot have ${what} as its source: ${quoted(text)}`, hint: 'Use ADD' },
      range,
    )
  }
  if (source.value.kind === 'local' && hasWildcard(text)) {
    const pattern = compileMatch(text)
    if (!pattern.ok) add(pattern.problem, range)
  }
  return source.value
}

function validateChecksum(
  { text, range }: Word,
  sources: readonly Word[],
  kinds: readonly (TransferSource | undefined)[],
  add: Add,
): void {
  const fail = (message: string, hint?: string): void =>
    add({ code: 'CHECKSUM_INVALID' satisfies DiagnosticCode, message, ...(hint !== undefined && { hint }) }, range)
  const [kind] = kinds
  if (sources.length !== 1) return fail('flag "--checksum" needs exactly one source')
  if (kind?.kind === 'local') return fail('flag "--checksum" needs a URL or a git repository as the source')
  if (kind?.kind === 'http' && !/^(?:sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})$/.test(text)) {
    return fail(`checksum ${quoted(text)} is malformed`, 'Write "sha256:" and 64 hexadecimal digits in lower case')
  }
  if (kind?.kind === 'git' && kind.git.checksum !== undefined && kind.git.checksum !== text) {
    return fail(`flag "--checksum" has ${quoted(text)}, the source's query ${quoted(kind.git.checksum)}`)
  }
}
