import { expandWord } from '@dockerfile/parser'
import type { Range, Word } from '@dockerfile/parser'
import { locatedError, problemError } from '../located.ts'
import type { Environment } from './environment.ts'
import type { PlanNote, PlanRequest } from './request.ts'
import type { StageState } from './stage-state.ts'
import type { Command, StageNode, StageTable } from './stage-table.ts'

/** What all instructions of one plan share. */
export interface Planner {
  readonly request: PlanRequest
  readonly globals: Environment
  readonly table: StageTable
  /** Contexts that steps read; grows while planning. */
  readonly contexts: Set<string>
  readonly note: (note: PlanNote) => void
}

/** One instruction in its stage. */
export interface Site extends Planner {
  readonly node: StageNode
  readonly state: StageState
  readonly command: Command
}

/** The value of a word with the stage's variables. */
export function expandHere(site: Site, word: Word): string {
  return expandText(site, word.text, word.range)
}

export function expandText(site: Site, text: string, range: Range): string {
  const { value, error } = expandWord(text, site.state.env, { escape: site.request.dockerfile.directives.escape })
  if (error !== undefined) throw problemError(site.request.dockerfile, place(site, range), error)
  return value
}

/** An error at a word of the instruction. */
export function mistake(site: Site, range: Range, diagnostic: string, message: string, hint?: string): Error {
  return locatedError(site.request.dockerfile, place(site, range), 'DOCKERFILE_INVALID', message, {
    diagnostic,
    ...(hint === undefined ? {} : { hint }),
  })
}

/** Words of a trigger lie in another text, so their errors point to the FROM. */
export function place({ command }: Site, range: Range): Range {
  return command.onbuild ? command.range : range
}

/** True when the stage was told to ignore the cache. */
export function ignoresCache({ request, node }: Site): boolean {
  if (typeof request.noCache === 'boolean') return request.noCache
  return request.noCache.some((name) => name.toLowerCase() === node.name)
}
