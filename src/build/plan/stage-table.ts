import type { FromInstruction, Instruction, Range, Stage } from '@dockerfile/parser'
import type { Platform } from '../../oci/types.ts'
import type { StageState } from './stage-state.ts'

/** A stage of the file, or an image that a COPY or a mount names and that is built of nothing but that. */
export interface StageNode {
  readonly index: number
  /** Lower case; absent for unnamed stages. */
  readonly name?: string
  /** For people: the name, `stage-1`, or empty when there is only one. */
  title: string
  /** The FROM, or the instruction that named the image. */
  readonly origin: Instruction
  readonly from?: FromInstruction
  /** After expansion. */
  readonly baseName: string
  /** The stage that it stands on. */
  readonly base?: StageNode
  /** `--platform`. */
  readonly platform?: Platform
  /** Name of the `--build-context` that replaces the stage or its base. */
  readonly context?: string
  commands: Command[]
  /** Triggers of the base were put in front of the commands. */
  triggered: boolean
  /** Steps that get a number in progress names. */
  steps: number
  /** Number of the last step that was named. */
  step: number
  state?: StageState
  /** True when `state` is final. */
  done: boolean
}

export interface Command {
  readonly instruction: Instruction
  /** Came from a trigger of the base. */
  readonly onbuild: boolean
  /** Where errors point: the FROM for triggers. */
  readonly range: Range
  /** COPY: the source stage. RUN: one for each mount. Null: the build context or nothing. */
  readonly sources: readonly (StageNode | null)[]
}

/** Stages by name, in the order in which BuildKit knows them. */
export interface StageTable {
  readonly nodes: StageNode[]
  /** The name is looked up as it is written: `FROM UPPER` does not find a stage, whose names are in lower case. */
  base(name: string): StageNode | undefined
  /** In any case, as COPY --from and --target do. */
  find(name: string): StageNode | undefined
  add(node: StageNode): void
}

export function createStageTable(): StageTable {
  const nodes: StageNode[] = []
  const byName = new Map<string, StageNode>()
  return {
    nodes,
    base: (name) => byName.get(name),
    find: (name) => byName.get(name.toLowerCase()),
    add(node) {
      nodes.push(node)
      if (node.name !== undefined) byName.set(node.name, node)
    },
  }
}

/** Steps that are counted in `[build 2/5]`: the base image and what makes a layer. */
export function countSteps(stage: Pick<Stage, 'instructions'>, hasOwnBase: boolean): number {
  const counted = stage.instructions.filter(({ kind }) => ['add', 'copy', 'run', 'workdir'].includes(kind))
  return counted.length + (hasOwnBase ? 1 : 0)
}

/** The target and everything that it stands on or copies from. */
export function reachable(target: StageNode): ReadonlySet<StageNode> {
  const found = new Set<StageNode>()
  const visit = (node: StageNode): void => {
    if (found.has(node)) return
    found.add(node)
    if (node.base !== undefined) visit(node.base)
    for (const command of node.commands) for (const source of command.sources) if (source !== null) visit(source)
  }
  visit(target)
  return found
}

/** Commands that make a stage depend on itself, or undefined. */
export function findCycle(
  nodes: readonly StageNode[],
): { readonly node: StageNode; readonly command: Command } | undefined {
  const done = new Set<StageNode>()
  const path = new Set<StageNode>()
  const visit = (node: StageNode): Command | undefined => {
    if (done.has(node)) return undefined
    path.add(node)
    for (const command of node.commands) {
      for (const source of command.sources) {
        if (source === null) continue
        if (path.has(source)) return command
        const found = visit(source)
        if (found !== undefined) return found
      }
    }
    path.delete(node)
    done.add(node)
    return undefined
  }
  for (const node of nodes) {
    const command = visit(node)
    if (command !== undefined) return { node, command }
  }
  return undefined
}
