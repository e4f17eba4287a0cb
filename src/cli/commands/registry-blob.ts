import { TsbuildError } from '../../base/errors.ts'
import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'
import { writeAll } from '../write-all.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'NAME@DIGEST' }],
  flags: {
    output: { kind: 'string', short: 'o', value: 'FILE', help: 'Write to FILE instead of stdout', complete: 'file' },
  },
  async run({ flags, args: [name = ''] }, context) {
    const { stdout } = context.terminal
    if (flags.output === undefined && stdout.isTTY === true)
      throw new TsbuildError('USAGE', 'Cannot write a blob to a terminal')
    const { openClient } = await import('../registry/location-tools.ts')
    const { registryBlob } = await import('../../engine/registry-read.ts')
    const { openOutputFile } = await import('../../base/output-file.ts')
    await using client = await openClient(context)
    const chunks = await registryBlob(client, name, context)
    if (flags.output === undefined) {
      for await (const chunk of chunks) await writeAll(stdout, chunk)
      return 0
    }
    await using file = await openOutputFile(flags.output, context.signal)
    const { pipeline } = await import('node:stream/promises')
    await pipeline(chunks, file.stream)
    await file.keep()
    return 0
  },
})
