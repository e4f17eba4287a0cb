import { expandWord } from '@dockerfile/parser'
import type { Environment } from '@dockerfile/parser'
import { formatPlatform, samePlatform } from '../../oci/platform.ts'
import type { Platform } from '../../oci/types.ts'
import type { StageNode } from './stage-table.ts'

/** `[build 2/5] RUN make`: what people see of a step. Counts the stage's steps. */
export function nameStep(
  node: StageNode,
  text: string,
  options: {
    readonly platform: Platform
    /** What is built for, where it is not what the step runs on. */
    readonly targetPlatform?: Platform
    readonly multiPlatform: boolean
    readonly onbuild: boolean
  },
): string {
  if (node.steps === 0) return text
  node.step += 1
  const parts = [
    ...(options.multiPlatform ? [platformName(options.platform, options.targetPlatform)] : []),
    ...(node.title === '' ? [] : [node.title]),
    `${String(node.step).padStart(String(node.steps).length)}/${node.steps}`,
  ]
  return `[${parts.join(' ')}] ${options.onbuild ? 'ONBUILD ' : ''}${text}`
}

/** `linux/amd64`, or `linux/amd64->arm64` for a step that cross-builds. */
function platformName(platform: Platform, target: Platform | undefined): string {
  const name = formatPlatform(platform)
  if (target === undefined || samePlatform(platform, target)) return name
  const other = formatPlatform(target)
  return `${name}->${target.os === platform.os ? other.slice(other.indexOf('/') + 1) : other}`
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
