import { expandWord } from '@dockerfile/parser'
import type { CopyInstruction, Instruction, Range, RunInstruction } from '@dockerfile/parser'
import { locatedError, problemError } from '../located.ts'
import { emptyEnvironment } from './environment.ts'
import type { PlanRequest } from './request.ts'
import type { Command, StageNode, StageTable } from './stage-table.ts'

/** Finds what COPY --from and mounts of a stage's instructions refer to; images become nodes of the table. */
export function linkCommands(request: PlanRequest, table: StageTable, node: StageNode): Command[] {
  const stage = request.dockerfile.stages[node.index]
  if (node.from === undefined || node.context !== undefined || stage === undefined) return []
  return stage.instructions.map((instruction) =>
    linkCommand(request, table, instruction, { onbuild: false, range: instruction.range }),
  )
}

export function linkCommand(
  request: PlanRequest,
  table: StageTable,
  instruction: Instruction,
  place: { readonly onbuild: boolean; readonly range: Range },
): Command {
  switch (instruction.kind) {
    case 'copy':
      return { instruction, ...place, sources: [copySource(request, table, instruction)] }
    case 'run':
      return { instruction, ...place, sources: mountSources(table, instruction) }
    default:
      return { instruction, ...place, sources: [] }
  }
}

function copySource({ dockerfile }: PlanRequest, table: StageTable, copy: CopyInstruction): StageNode | null {
  const { from } = copy
  if (from === undefined || from.text === '') return null
  const { value, error } = expandWord(from.text, emptyEnvironment, { escape: dockerfile.directives.escape })
  if (error !== undefined) throw problemError(dockerfile, from.range, error)
  if (value !== from.text) {
    throw locatedError(dockerfile, from.range, 'DOCKERFILE_INVALID', 'Variables are not expanded in --from', {
      diagnostic: 'EXPANSION_UNSUPPORTED',
      hint: `Define a stage "FROM ${from.text} AS name" with a global ARG, and copy from that stage`,
    })
  }
  if (!/^[+-]?\d+$/.test(from.text)) return table.find(from.text) ?? addImage(table, from.text, copy)
  const index = Number(from.text)
  const stage = table.nodes[index]
  if (stage !== undefined && index < dockerfile.stages.length) return stage
  throw locatedError(dockerfile, from.range, 'DOCKERFILE_INVALID', `There is no stage ${from.text}`, {
    diagnostic: 'STAGE_UNKNOWN',
    hint: `The stages have the numbers 0 to ${dockerfile.stages.length - 1}`,
  })
}

/** One for each mount; a mount without `from` has none. Variables are not expanded in `from`. */
function mountSources(table: StageTable, run: RunInstruction): (StageNode | null)[] {
  return run.mounts.map(({ fields }) => {
    const from = fields.find((field) => field.key === 'from')?.value?.text
    if (from === undefined || from === '' || from === 'scratch') return null
    return table.find(from) ?? addImage(table, from, run)
  })
}

/** A node for an image that only serves files. Equal names are one node. */
function addImage(table: StageTable, name: string, origin: Instruction): StageNode {
  const known = table.nodes.find((node) => node.from === undefined && node.baseName === name)
  if (known !== undefined) return known
  const node: StageNode = {
    index: table.nodes.length,
    title: '',
    origin,
    baseName: name,
    commands: [],
    triggered: true,
    steps: 0,
    step: 0,
    done: false,
  }
  table.add(node)
  return node
}
