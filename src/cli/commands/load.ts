import { TsbuildError } from '../../base/errors.ts'
import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [],
  flags: {
    input: {
      kind: 'string',
      short: 'i',
      value: 'FILE',
      help: 'Read from FILE or an OCI layout folder instead of stdin',
      complete: 'file',
    },
    quiet: { kind: 'boolean', short: 'q', help: 'Show no progress' },
  },
  examples: ['tsbuild load -i basic-img.tar', 'docker save basic-img | tsbuild load'],
  async run({ flags }, context) {
    const { terminal } = context
    if (flags.input === undefined && terminal.stdin.isTTY === true) {
      throw new TsbuildError('USAGE', 'Cannot load images from a terminal', {
        hint: 'Name a file with -i, or pipe an archive in',
      })
    }
    const engine = await context.openEngine()
    const { load } = await import('../../engine/load.ts')
    const { openTransferProgress } = await import('../../ui/progress/progress.ts')
    const { familiarReference } = await import('../../oci/reference.ts')
    using progress = await openTransferProgress(terminal, { direction: 'pull', stream: 'stderr', quiet: flags.quiet })
    const from =
      flags.input === undefined || flags.input === '-'
        ? { kind: 'stream' as const, stream: terminal.stdin as AsyncIterable<Uint8Array> }
        : { kind: 'path' as const, path: flags.input }
    const loaded = await load(engine, { from }, { signal: context.signal, emit: progress.emit })
    progress[Symbol.dispose]()
    for (const { id, names } of loaded) {
      if (names.length === 0) terminal.printLine(`Loaded image ID: ${id}`)
      for (const name of names) terminal.printLine(`Loaded image: ${familiarReference(name)}`)
    }
    return 0
  },
})
