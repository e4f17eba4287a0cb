import type { Diagnostic } from '../diagnostics.ts'
import type { StageReference } from './references.ts'
import type { ResolvedStage } from './stages.ts'

/** Everything that a stage needs, itself included. */
export function reachableFrom(
  target: number,
  stages: readonly ResolvedStage[],
  references: readonly (readonly StageReference[])[],
): ReadonlySet<number> {
  return walk(target, (index) => {
    const base = stages[index]?.base
    const used = (references[index] ?? []).flatMap((reference) => reference.index ?? [])
    return base?.kind === 'stage' ? [base.index, ...used] : used
  })
}

/**
 * Reports stages that take files from each other in a circle, wherever they are, and one that takes them from a later stage when
 * it is `active`, which means built.
 */
export function checkOrder(
  stages: readonly ResolvedStage[],
  references: readonly (readonly StageReference[])[],
  active: ReadonlySet<number>,
): readonly Diagnostic[] {
  const diagnostics: Diagnostic[] = []
  const circles = findCircles(references.map((list) => list.flatMap((reference) => reference.index ?? [])))
  for (const [index, list] of references.entries()) {
    for (const reference of list) {
      if (reference.index === undefined || reference.index < index) continue
      const circle = circles[index] === circles[reference.index]
      if (!circle && !active.has(index)) continue
      const other = stages[reference.index]?.stage
      const name = other?.name ?? String(reference.index)
      diagnostics.push({
        code: 'STAGE_ORDER',
        severity: 'error',
        message: circle ? `stage "${name}" depends on itself` : `stage "${name}" is used before it is defined`,
        range: reference.range,
        hint: circle ? 'Move what both need into a stage of its own' : 'Move the stage up, in front of this one',
        ...(other &&
          reference.index !== index && {
            related: [{ message: `stage "${name}" is defined here`, range: other.from.range }],
          }),
      })
    }
  }
  return diagnostics
}

function walk(start: number, edges: (index: number) => readonly number[]): Set<number> {
  const seen = new Set<number>()
  const pending = [start]
  for (let index = pending.pop(); index !== undefined; index = pending.pop()) {
    if (seen.has(index)) continue
    seen.add(index)
    for (const next of edges(index)) pending.push(next)
  }
  return seen
}

/** Numbers the strongly connected components (Kosaraju): two nodes have the same number when each can be reached from the other. */
function findCircles(edges: readonly (readonly number[])[]): readonly number[] {
  const backwards: number[][] = edges.map(() => [])
  for (const [from, list] of edges.entries()) for (const to of list) backwards[to]?.push(from)
  const component = edges.map(() => -1)
  for (const root of finishOrder(edges).reverse()) {
    const pending = [root]
    for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
      if (component[node] !== -1) continue
      component[node] = root
      for (const next of backwards[node] ?? []) pending.push(next)
    }
  }
  return component
}

function finishOrder(edges: readonly (readonly number[])[]): number[] {
  const order: number[] = []
  const entered = new Set<number>()
  for (const start of edges.keys()) {
    const path = [{ node: start, next: 0 }]
    if (entered.has(start)) continue
    entered.add(start)
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const to = edges[top.node]?.[top.next]
      top.next += 1
      if (to === undefined) order.push(path.pop()?.node ?? start)
      else if (!entered.has(to)) {
        entered.add(to)
        path.push({ node: to, next: 0 })
      }
    }
  }
  return order
}
