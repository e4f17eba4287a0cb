import type { Instruction, ParsedDockerfile } from '../ast.ts'
import type { Diagnostic } from '../diagnostics.ts'
import { quoted } from '../diagnostics.ts'
import { expandWord } from '../expand/expand.ts'
import { didYouMean } from '../nearest.ts'
import type { Range } from '../source.ts'
import { parseImageName } from '../values/image-name.ts'
import type { AnalyzeOptions } from './options.ts'

/** Where an instruction takes files from: `COPY --from`, `RUN --mount=from=`. `index` is absent for an image or context. */
export interface StageReference {
  readonly name: string
  readonly range: Range
  readonly index?: number
}

/** Finds the stages, images and contexts that an instruction takes files from, in order. */
export type ReferenceReader = (instruction: Instruction) => readonly StageReference[]

/** Names are found in any case; of two stages with one name the last counts. COPY also takes a number. */
export function createReferenceReader(
  parsed: ParsedDockerfile,
  options: AnalyzeOptions,
  diagnostics: Diagnostic[],
): ReferenceReader {
  const byName = new Map(
    parsed.stages.flatMap(({ name, index }) => (name === undefined ? [] : [[name, index] as const])),
  )
  const find = ({ text, range }: { readonly text: string; readonly range: Range }): StageReference => {
    const index = byName.get(text.toLowerCase())
    if (index !== undefined) return { name: text, range, index }
    const parts = text === 'scratch' || options.namedContexts?.has(text) === true ? undefined : parseImageName(text)
    if (parts !== undefined && 'message' in parts) {
      const hint = didYouMean(text.toLowerCase(), byName.keys()) ?? parts.hint
      diagnostics.push({
        code: parts.code,
        severity: 'error',
        message: `no stage has the name ${quoted(text)}, and as an image: ${parts.message}`,
        range,
        ...(hint !== undefined && { hint }),
      })
    }
    return { name: text, range }
  }
  return (instruction) => {
    if (instruction.kind === 'run') {
      const sources = instruction.mounts.map(
        ({ fields }) => fields.findLast(({ key, value }) => key === 'from' && value !== undefined)?.value,
      )
      return sources.flatMap((source) => (source === undefined ? [] : [find(source)]))
    }
    if (instruction.kind !== 'copy' || instruction.from === undefined) return []
    const { text, range } = instruction.from
    const { value, error } = expandWord(text, new Map(), { escape: parsed.directives.escape })
    if (error !== undefined || value !== text) {
      const hint = `Add a stage "FROM ${text} AS name" at the top and write "--from=name"`
      const message = `flag "--from" does not expand variables: ${quoted(text)}`
      diagnostics.push({ code: 'EXPANSION_UNSUPPORTED', severity: 'error', message, range, hint })
      return []
    }
    if (!/^[-+]?\d+$/.test(text)) return [find(instruction.from)]
    const index = Number(text)
    if (index >= 0 && index < parsed.stages.length) return [{ name: text, range, index }]
    const hint = didYouMean(text, byName.keys()) ?? `Stages are numbered from 0 to ${parsed.stages.length - 1}`
    diagnostics.push({
      code: 'STAGE_UNKNOWN',
      severity: 'error',
      message: `there is no stage ${quoted(text)}`,
      range,
      hint,
    })
    return []
  }
}
