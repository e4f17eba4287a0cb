import { dispatchMetadata } from './metadata.ts'
import { dispatchRun } from './run.ts'
import type { Planner, Site } from './site.ts'
import type { StageState } from './stage-state.ts'
import type { Command, StageNode } from './stage-table.ts'
import { dispatchTransfer } from './transfer.ts'
import { dispatchWorkdir } from './workdir.ts'

/** Takes one instruction into the stage's state. */
export function dispatch(planner: Planner, node: StageNode, state: StageState, command: Command): void {
  const site: Site = { ...planner, node, state, command }
  const { instruction } = command
  switch (instruction.kind) {
    case 'run':
      return dispatchRun(site, instruction)
    case 'copy':
    case 'add':
      return dispatchTransfer(site, instruction)
    case 'workdir':
      return dispatchWorkdir(site, instruction)
    case 'invalid':
    case 'from':
      throw new Error(`An instruction of kind ${instruction.kind} cannot stand in a stage`)
    default:
      return dispatchMetadata(site, instruction)
  }
}
