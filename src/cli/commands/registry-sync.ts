import { readFile } from 'node:fs/promises'
import { TsbuildError } from '../../base/errors.ts'
import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'
import { writeFlags } from '../registry/edit-flags.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'FILE', complete: 'file' }],
  flags: {
    'keep-going': { kind: 'boolean', help: 'Go on with the other images when one fails' },
    ...writeFlags,
  },
  details:
    'FILE is TOML or JSON: a list "sync" of tables with source, target, and optionally tags (names, or regular expressions between slashes), platforms, referrers.',
  examples: ['tsbuild registry sync --dry-run mirror.toml'],
  async run({ flags, args: [file = ''] }, context) {
    const { registrySync } = await import('../../engine/registry-sync.ts')
    const { openTransferProgress } = await import('../../ui/progress/progress.ts')
    const { openLocationTools } = await import('../registry/location-tools.ts')
    const { printCopied } = await import('../registry/print-copied.ts')
    const text = await readFile(file, 'utf8').catch((error: unknown) => {
      throw new TsbuildError('FILE_UNREADABLE', `Cannot read "${file}"`, { cause: error })
    })
    using progress = await openTransferProgress(context.terminal, {
      direction: 'push',
      stream: 'stderr',
      quiet: flags.quiet || flags['dry-run'],
    })
    await using opened = await openLocationTools(context, progress.emit)
    const { copied, failed } = await registrySync(opened.tools, {
      text,
      format: file.endsWith('.json') ? 'json' : 'toml',
      host: context.settings.platform,
      dryRun: flags['dry-run'],
      keepGoing: flags['keep-going'],
    })
    await opened.keep()
    progress[Symbol.dispose]()
    printCopied(copied, { quiet: flags.quiet, dryRun: flags['dry-run'] }, context.terminal)
    for (const { error } of failed) context.report(error)
    return failed.length === 0 ? 0 : 1
  },
})
