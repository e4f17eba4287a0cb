import { createWriteStream } from 'node:fs'
import { finished } from 'node:stream/promises'
import { TsbuildError } from '../../base/errors.ts'
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
    const to = flags.output === undefined ? terminal.stdout : createWriteStream(flags.output)
    await exportContainer(engine, { name, to }, context)
    if (flags.output !== undefined) await finished(to.end())
    return 0
  },
})
