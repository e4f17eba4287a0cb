import { TsbuildError } from '../../base/errors.ts'
import type { ImportRequest } from '../../engine/import.ts'
import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [
    { name: 'FILE|URL|-', complete: 'file' },
    { name: 'REPOSITORY[:TAG]', optional: true },
  ],
  flags: {
    change: {
      kind: 'string',
      short: 'c',
      repeat: true,
      value: 'INSTRUCTION',
      help: 'Apply a Dockerfile instruction to the configuration',
    },
    message: { kind: 'string', short: 'm', value: 'TEXT', help: 'Comment in the history' },
    platform: { kind: 'string', value: 'OS/ARCH', help: 'Platform that the files are made for', complete: 'platform' },
  },
  examples: ['tsbuild import rootfs.tar.xz my/base:1', 'tsbuild export web | tsbuild import -c "CMD sh" - web:frozen'],
  async run({ flags, args: [source = '', name] }, context) {
    const { terminal } = context
    if (source === '-' && terminal.stdin.isTTY === true)
      throw new TsbuildError('USAGE', 'Cannot import from a terminal')
    const engine = await context.openEngine()
    const { importImage } = await import('../../engine/import.ts')
    const image = await importImage(
      engine,
      {
        from: sourceOf(source, terminal.stdin as AsyncIterable<Uint8Array>),
        name,
        changes: flags.change,
        message: flags.message,
        platform: flags.platform,
      },
      context,
    )
    terminal.printLine(image.id)
    return 0
  },
})

function sourceOf(text: string, stdin: AsyncIterable<Uint8Array>): ImportRequest['from'] {
  if (text === '-') return { kind: 'stream', stream: stdin }
  return /^https?:\/\//.test(text) ? { kind: 'url', url: text } : { kind: 'path', path: text }
}
