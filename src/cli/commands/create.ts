import { containerFlags } from '../container/container-flags.ts'
import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [
    { name: 'IMAGE', complete: 'image' },
    { name: 'COMMAND', optional: true },
    { name: 'ARG', optional: true, many: true },
  ],
  flagsFirst: true,
  flags: containerFlags,
  async run({ flags, args }, context) {
    const { readContainerRequest } = await import('../container/container-request.ts')
    const container = await readContainerRequest({ flags, args }, context)
    const engine = await context.openEngine()
    const { create } = await import('../../engine/create.ts')
    const { openCidFile } = await import('../container/cid-file.ts')
    const { openTransferProgress } = await import('../../ui/progress/progress.ts')
    using cidFile = openCidFile(flags.cidfile)
    using progress = await openTransferProgress(context.terminal, {
      direction: 'pull',
      stream: 'stderr',
      quiet: flags.quiet,
    })
    const platform = flags.platform === undefined ? {} : { platform: flags.platform }
    const made = await create(
      engine,
      { container, pull: flags.pull, ...platform },
      { signal: context.signal, emit: progress.emit },
    )
    progress[Symbol.dispose]()
    cidFile.write(made.id)
    context.terminal.printLine(made.id)
    return 0
  },
})
