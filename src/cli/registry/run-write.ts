import type { LocationTools } from '../../engine/open-location.ts'
import type { CopiedImage } from '../../engine/registry-copy.ts'
import type { CommandContext } from '../command.ts'

export interface WriteFlags {
  readonly quiet: boolean
  readonly 'dry-run': boolean
}

/** Runs a registry verb that writes: progress on stderr, one line of result per image on stdout. */
export async function runWrite(
  context: CommandContext,
  flags: WriteFlags,
  write: (tools: LocationTools) => Promise<readonly CopiedImage[]>,
): Promise<number> {
  const { openTransferProgress } = await import('../../ui/progress/progress.ts')
  const { openLocationTools } = await import('./location-tools.ts')
  const { printCopied } = await import('./print-copied.ts')
  using progress = await openTransferProgress(context.terminal, {
    direction: 'push',
    stream: 'stderr',
    // What would be is no progress.
    quiet: flags.quiet || flags['dry-run'],
  })
  await using opened = await openLocationTools(context, progress.emit)
  const copied = await write(opened.tools)
  await opened.keep()
  progress[Symbol.dispose]()
  printCopied(copied, { quiet: flags.quiet, dryRun: flags['dry-run'] }, context.terminal)
  return 0
}
