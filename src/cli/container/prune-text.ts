import { humanSize } from '../../ui/human.ts'
import type { Terminal } from '../../ui/terminal.ts'

/** What a prune removed, in docker's words. */
export function printPruned(
  terminal: Terminal,
  heading: string,
  { removed, bytes }: { readonly removed: readonly string[]; readonly bytes: number },
): void {
  if (removed.length > 0) terminal.printLine(`${heading}\n${removed.join('\n')}\n`)
  terminal.printLine(`Total reclaimed space: ${humanSize(bytes, 4)}`)
}

/** Names and ids of pruned images as docker lists them. */
export function removedImages({
  untagged,
  removed,
}: {
  readonly untagged: readonly string[]
  readonly removed: readonly string[]
}): readonly string[] {
  return [...untagged.map((name) => `untagged: ${name}`), ...removed.map((id) => `deleted: ${id}`)]
}
