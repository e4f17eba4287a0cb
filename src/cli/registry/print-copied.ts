import type { CopiedImage } from '../../engine/registry-copy.ts'
import type { Terminal } from '../../ui/terminal.ts'
import { humanSize } from '../../ui/human.ts'

/** One line per image: what it is there now, and how much had to travel. */
export function printCopied(
  copied: readonly CopiedImage[],
  options: { readonly quiet: boolean; readonly dryRun: boolean },
  terminal: Terminal,
): void {
  for (const { target, digest, blobs, bytes, planned } of copied) {
    const name = target.endsWith(`@${digest}`) ? target : `${target}@${digest}`
    if (options.quiet) terminal.printLine(digest)
    else if (options.dryRun) {
      const size = planned.reduce((sum, one) => sum + one.size, 0)
      terminal.printLine(`${name}: would write ${planned.length} objects of ${humanSize(size)}`)
    } else {
      const moved = `${blobs.copied} blobs copied (${humanSize(bytes)}), ${blobs.mounted} mounted, ${blobs.existed} there already`
      terminal.printLine(`${name}: ${moved}`)
    }
  }
}
