import type { Change } from '../../image/edit/diff-images.ts'
import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'
import { locationDetails, platformFlag } from '../registry/edit-flags.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'BEFORE' }, { name: 'AFTER' }],
  flags: {
    ...platformFlag,
    format: { kind: 'string', choices: ['text', 'json'], default: 'text', help: 'How the differences are shown' },
    only: { kind: 'string', choices: ['config', 'packages', 'files'], repeat: true, help: 'Show only these kinds' },
  },
  details: `Exit status 1 when the images differ. ${locationDetails}`,
  examples: [
    'tsbuild registry diff debian:12.5 debian:12.6',
    'tsbuild registry diff --only packages store:app:1 store:app:2',
  ],
  async run({ flags, args: [before = '', after = ''] }, context) {
    const { registryDiff } = await import('../../engine/registry-diff.ts')
    const { parsePlatform } = await import('../../oci/platform.ts')
    const { openLocationTools } = await import('../registry/location-tools.ts')
    const { printable } = await import('../../base/printable.ts')
    await using opened = await openLocationTools(context, context.emit)
    const own = context.settings.platform
    const platform = flags.platform === undefined ? own : parsePlatform(flags.platform, own)
    const diff = await registryDiff(opened.tools, { before, after, platform })
    const wanted = (kind: 'config' | 'packages' | 'files'): boolean =>
      flags.only.length === 0 || flags.only.includes(kind)
    const shown = {
      config: wanted('config') ? diff.config : [],
      packages: wanted('packages') ? diff.packages : [],
      files: wanted('files') ? diff.files : [],
    }
    if (flags.format === 'json') context.terminal.printLine(JSON.stringify(shown, undefined, 2))
    else for (const line of diffLines(shown)) context.terminal.printLine(printable(line))
    return shown.config.length + shown.packages.length + shown.files.length === 0 ? 0 : 1
  },
})

const signs = { added: '+', removed: '-', changed: '~' } as const

function* diffLines(
  diff: Readonly<Record<'config' | 'packages' | 'files', readonly Change<unknown>[]>>,
): Generator<string> {
  for (const [title, changes] of Object.entries(diff)) {
    if (changes.length === 0) continue
    yield `${title}:`
    for (const { name, kind, before, after } of changes) {
      const detail =
        title === 'files' ? '' : kind === 'changed' ? ` ${text(before)} → ${text(after)}` : ` ${text(before ?? after)}`
      yield `  ${signs[kind]} ${name}${detail}`
    }
  }
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
