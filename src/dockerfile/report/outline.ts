import type { Analysis } from '../analyze/analyze.ts'
import type { ArgumentFacts } from '../analyze/arguments.ts'
import type { StageFacts } from '../analyze/evaluate.ts'
import type { Range } from '../source.ts'
import type { LineLocation } from './location.ts'
import { alignColumns, lineLocation } from './location.ts'

/** What a build of one target takes: `--call outline`, in the JSON form of BuildKit's `frontend.outline`. */
export interface Outline {
  readonly name?: string
  readonly description?: string
  readonly args?: readonly OutlineArg[]
  readonly secrets?: readonly OutlineNeed[]
  readonly ssh?: readonly OutlineNeed[]
}

export interface OutlineArg {
  readonly name: string
  readonly description?: string
  readonly value?: string
  readonly location: LineLocation
}

export interface OutlineNeed {
  readonly name: string
  readonly required?: true
  readonly location: LineLocation
}

/** Lists arguments, secrets and agents that the target of an analysis uses, in the order in which they stand in the file. */
export function outline(analysis: Analysis): Outline {
  const { target } = analysis
  if (target === undefined) return {}
  const args = new Map<string, ArgumentFacts>()
  const secrets = new Map<string, Need>()
  const ssh = new Map<string, Need>()
  for (const stage of neededStages(analysis, target)) {
    collectArguments(stage, args)
    collectNeeds(stage, secrets, ssh)
  }
  const { name, description } = target.stage
  return {
    ...(name !== undefined && { name }),
    ...(description !== undefined && { description }),
    ...list('args', [...args.values()].sort(byPlace).map(showArgument)),
    ...list('secrets', [...secrets.values()].sort(byPlace).map(showNeed)),
    ...list('ssh', [...ssh.values()].sort(byPlace).map(showNeed)),
  }
}

/** The outline as `docker build --call outline` prints it. */
export function formatOutline({ name, description, args = [], secrets = [], ssh = [] }: Outline): string {
  const parts: string[] = []
  if (name !== undefined || description !== undefined) {
    const rows = [
      ['TARGET:', name ?? '(default)'],
      ...(description === undefined ? [] : [['DESCRIPTION:', description]]),
    ]
    parts.push(alignColumns(rows, 1))
  }
  const needs = (title: string, list: readonly OutlineNeed[]): void => {
    if (list.length > 0)
      parts.push(
        alignColumns(
          [[title, 'REQUIRED'], ...list.map((need) => [need.name, need.required === true ? 'true' : ''])],
          3,
        ),
      )
  }
  if (args.length > 0) {
    parts.push(
      alignColumns(
        [
          ['BUILD ARG', 'VALUE', 'DESCRIPTION'],
          ...args.map((arg) => [arg.name, arg.value ?? '', arg.description ?? '']),
        ],
        3,
      ),
    )
  }
  needs('SECRET', secrets)
  needs('SSH', ssh)
  return parts.map((part) => `${part}\n`).join('')
}

interface Need {
  readonly name: string
  readonly required: boolean
  readonly range: Range
}

/** The target, then what it stands on and takes files from; the first mention of a name counts. */
function neededStages({ stages, references }: Analysis, target: StageFacts): Iterable<StageFacts> {
  const needed = new Set<StageFacts>()
  const visit = (stage: StageFacts | undefined): void => {
    if (stage === undefined || needed.has(stage)) return
    needed.add(stage)
    if (stage.base.kind === 'stage') visit(stages[stage.base.index])
    for (const { index } of references[stage.stage.index] ?? []) if (index !== undefined) visit(stages[index])
  }
  visit(target)
  return needed
}

function collectArguments(stage: StageFacts, args: Map<string, ArgumentFacts>): void {
  const pending = [...stage.usedArgs]
  const seen = new Set<string>()
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    const facts = stage.args.get(name)
    if (seen.has(name) || facts === undefined) continue
    seen.add(name)
    pending.push(...facts.uses)
    if (!args.has(name)) args.set(name, facts)
  }
}

function collectNeeds(stage: StageFacts, secrets: Map<string, Need>, ssh: Map<string, Need>): void {
  for (const { mounts, range } of stage.instructions) {
    for (const mount of mounts) {
      if (mount.type !== 'secret' && mount.type !== 'ssh') continue
      const name =
        mount.type === 'ssh'
          ? (mount.id ?? 'default')
          : (mount.source ?? mount.id ?? mount.target?.split('/').at(-1) ?? '')
      const needs = mount.type === 'ssh' ? ssh : secrets
      if (!needs.has(name)) needs.set(name, { name, required: mount.required, range })
    }
  }
}

function byPlace(a: { readonly range: Range }, b: { readonly range: Range }): number {
  return a.range.start.line - b.range.start.line
}

function showArgument({ definition, value, range }: ArgumentFacts): OutlineArg {
  const { name, description } = definition
  return {
    name,
    ...(description !== undefined && description !== '' && { description }),
    ...(value !== undefined && value !== '' && { value }),
    location: lineLocation(range),
  }
}

function showNeed({ name, required, range }: Need): OutlineNeed {
  return { name, ...(required && { required: true as const }), location: lineLocation(range) }
}

function list<K extends string, T>(key: K, items: readonly T[]): Partial<Record<K, readonly T[]>> {
  return items.length === 0 ? {} : ({ [key]: items } as Record<K, readonly T[]>)
}
