import { expandWord } from '@dockerfile/parser'
import type { Environment } from '@dockerfile/parser'
import { formatPlatform } from '../../oci/platform.ts'
import type { Platform } from '../../oci/types.ts'
import type { StageNode } from './stage-table.ts'

/** `[build 2/5] RUN make`: what people see of a step. Counts the stage's steps. */
export function nameStep(
  node: StageNode,
  text: string,
  options: { readonly platform: Platform; readonly multiPlatform: boolean; readonly onbuild: boolean },
): string {
  if (node.steps === 0) return text
  node.step += 1
  const parts = [
    ...(options.multiPlatform ? [formatPlatform(options.platform)] : []),
    ...(node.title === '' ? [] : [node.title]),
    `${String(node.step).padStart(String(node.steps).length)}/${node.steps}`,
  ]
  return `[${parts.join(' ')}] ${options.onbuild ? 'ONBUILD ' : ''}${text}`
}

/** The instruction as people see it: keyword in capitals, variables that are set replaced. */
export function showInstruction(
  code: string,
  environment: Environment,
  options: { readonly escape: '\\' | '`'; readonly verbatim: boolean },
): string {
  const { value, error } = expandWord(code, environment, {
    escape: options.escape,
    ...(options.verbatim ? { keepQuotes: true, keepUnset: true } : {}),
  })
  const text = error === undefined ? value : code
  const blank = text.search(/\s/)
  return blank < 0 ? text.toUpperCase() : text.slice(0, blank).toUpperCase() + text.slice(blank)
}
