import { finished } from 'node:stream/promises'
import { TsbuildError } from '../../base/errors.ts'
import { openOutputFile } from '../../base/output-file.ts'
import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'CONTAINER', complete: 'container' }],
  flags: {
    output: { kind: 'string', short: 'o', value: 'FILE', help: 'Write to a file instead of stdout', complete: 'file' },
  },
  async run({ flags, args: [name = ''] }, context) {
    const { terminal } = context
    if (flags.output === undefined && terminal.isTty(1)) {
      throw new TsbuildError('USAGE', 'cowardly refusing to save to a terminal', {
        hint: 'Use the -o flag or redirect',
      })
    }
    const engine = await context.openEngine()
    const { exportContainer } = await import('../../engine/export.ts')
    engine.containers.records.resolve(name)
    if (flags.output === undefined) {
      await exportContainer(engine, { name, to: terminal.stdout }, context)
      return 0
    }
    await using file = await openOutputFile(flags.output, context.signal)
    await exportContainer(engine, { name, to: file.stream }, context)
    await finished(file.stream.end())
    await file.keep()
    return 0
  },
})
