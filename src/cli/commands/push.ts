import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'
import { compressionFlags, readCompression } from '../image/compression-flags.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'NAME[:TAG]', many: true, complete: 'image' }],
  flags: {
    'all-tags': { kind: 'boolean', short: 'a', help: 'Push every tag that the store has of the repository' },
    platform: {
      kind: 'string',
      value: 'OS/ARCH',
      help: 'Push only this platform of an image made for several',
      complete: 'platform',
    },
    quiet: { kind: 'boolean', short: 'q', help: 'Show the name only' },
    digestfile: {
      kind: 'string',
      value: 'FILE',
      help: 'Write the digest of the last name into a file',
      complete: 'file',
    },
    'chunk-size': {
      kind: 'bytes',
      value: 'SIZE',
      help: 'Upload layers in pieces of this size; only where a proxy limits bodies',
    },
    ...compressionFlags,
    'disable-content-trust': {
      kind: 'boolean',
      default: true,
      hidden: true,
      help: 'Skip signing',
      ignored: 'there is no notary',
    },
  },
  examples: ['tsbuild push ghcr.io/team/app:1.0', 'tsbuild push --compression zstd ghcr.io/team/app:1.0'],
  async run({ flags, args: names }, context) {
    const engine = await context.openEngine()
    const { push } = await import('../../engine/push.ts')
    const { openTransferProgress } = await import('../../ui/progress/progress.ts')
    const { formatReference } = await import('../../oci/reference.ts')
    using progress = await openTransferProgress(context.terminal, {
      direction: 'push',
      stream: 'stdout',
      quiet: flags.quiet,
    })
    const chunk = flags['chunk-size']
    const pushed = await push(
      engine,
      {
        names,
        allTags: flags['all-tags'],
        compression: readCompression(flags),
        ...(flags.platform === undefined ? {} : { platform: flags.platform }),
        ...(chunk === undefined ? {} : { shape: { kind: 'chunked', size: chunk } }),
      },
      { signal: context.signal, emit: progress.emit },
    )
    progress[Symbol.dispose]()
    if (flags.quiet) for (const { reference } of pushed) context.terminal.printLine(formatReference(reference))
    const last = pushed.at(-1)
    if (flags.digestfile !== undefined && last !== undefined) {
      const { writeUserFile } = await import('../../base/user-file.ts')
      await writeUserFile(flags.digestfile, last.digest, context.signal)
    }
    return 0
  },
})
