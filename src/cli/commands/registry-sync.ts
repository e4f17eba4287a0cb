import { TsbuildError, hasCode } from '../../base/errors.ts'
import { readUserFile } from '../../base/user-file.ts'
import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'
import { writeFlags } from '../registry/edit-flags.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'FILE', complete: 'file' }],
  flags: {
    to: { kind: 'string', value: 'REGISTRY[/PATH]', help: "Where the images of a file in skopeo's form go" },
    scoped: { kind: 'boolean', help: 'Below it under their whole names, not only the last part' },
    'keep-going': { kind: 'boolean', help: 'Go on with the other images when one fails' },
    ...writeFlags,
  },
  details:
    'FILE is TOML, JSON or YAML: a list "sync" of tables with source, target, and optionally tags (names, or regular expressions between slashes), platforms, referrers; or the YAML of skopeo sync, a map of registries with images, images-by-tag-regex and images-by-semver.',
  examples: [
    'tsbuild registry sync --dry-run mirror.toml',
    'tsbuild registry sync --to registry.example.com/mirror skopeo.yaml',
  ],
  async run({ flags, args: [file = ''] }, context) {
    const { registrySync } = await import('../../engine/registry-sync.ts')
    const { openTransferProgress } = await import('../../ui/progress/progress.ts')
    const { openLocationTools } = await import('../registry/location-tools.ts')
    const { printCopied } = await import('../registry/print-copied.ts')
    const bytes = await readUserFile(file, context.signal).catch((error: unknown) => {
      if (hasCode(error, 'CANCELLED')) throw error
      throw new TsbuildError('FILE_UNREADABLE', `Cannot read "${file}"`, { cause: error })
    })
    using progress = await openTransferProgress(context.terminal, {
      direction: 'push',
      stream: 'stderr',
      quiet: flags.quiet || flags['dry-run'],
    })
    await using opened = await openLocationTools(context, progress.emit)
    const { copied, failed } = await registrySync(opened.tools, {
      text: bytes.toString(),
      format: formatOf(file),
      to: flags.to,
      scoped: flags.scoped,
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

function formatOf(file: string): 'json' | 'toml' | 'yaml' {
  if (file.endsWith('.json')) return 'json'
  return /\.ya?ml$/.test(file) ? 'yaml' : 'toml'
}
