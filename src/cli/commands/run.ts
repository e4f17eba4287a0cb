import type { Container } from '../../container/container-records.ts'
import { containerFlags } from '../container/container-flags.ts'
import type { CommandContext, Command } from '../command.ts'
import { defineCommand } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [
    { name: 'IMAGE', complete: 'image' },
    { name: 'COMMAND', optional: true },
    { name: 'ARG', optional: true, many: true },
  ],
  flagsFirst: true,
  flags: {
    ...containerFlags,
    detach: { kind: 'boolean', short: 'd', help: 'Run in the background and print the container id' },
    'detach-keys': { kind: 'string', value: 'KEYS', help: 'Keys that detach (default ctrl-p,ctrl-q)' },
    'sig-proxy': { kind: 'boolean', default: true, help: 'Pass signals on to the process' },
  },
  examples: [
    'tsbuild run --rm -it debian bash',
    'tsbuild run -d --name web -p 8080:80 nginx',
    'tsbuild run --rm -v "$PWD":/src -w /src node:24 npm test',
  ],
  async run({ flags, args }, context) {
    const { attachChoice } = await import('../container/attach-choice.ts')
    const { readContainerRequest } = await import('../container/container-request.ts')
    const choice = attachChoice(flags, context)
    const container = await readContainerRequest({ flags, args }, context)
    const engine = await context.openEngine()
    const { run } = await import('../../engine/run.ts')
    const { openCidFile } = await import('../container/cid-file.ts')
    using cidFile = openCidFile(flags.cidfile)
    const { openAttachIo } = await import('../container/attach-io.ts')
    using progress = await pullProgress(flags.quiet, context)
    using stack = new DisposableStack()
    const io = choice === null ? null : stack.use(openAttachIo(context, choice))
    const result = await run(
      engine,
      {
        container,
        pull: flags.pull,
        ...(flags.platform === undefined ? {} : { platform: flags.platform }),
        attach: io,
        onCreate: (made: Container) => {
          progress[Symbol.dispose]()
          cidFile.write(made.id)
        },
      },
      { signal: context.signal, emit: progress.emit },
    )
    switch (result.kind) {
      case 'started':
        context.terminal.printLine(result.container.id)
        return 0
      case 'detached':
        return 0
      case 'exited':
        return result.exitCode
    }
  },
})

async function pullProgress(quiet: boolean, { terminal }: CommandContext) {
  const { openTransferProgress } = await import('../../ui/progress/progress.ts')
  return await openTransferProgress(terminal, { direction: 'pull', stream: 'stderr', quiet })
}
