import { TsbuildError } from '../../base/errors.ts'
import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'NAME[:TAG]', optional: true, complete: 'image' }],
  flags: {
    // Without effect, and without a notice: there are no intermediate images to show.
    all: { kind: 'boolean', short: 'a', hidden: true, help: 'Show intermediate images, too' },
    digests: { kind: 'boolean', help: 'Show the digests that registries know the images by' },
    filter: {
      kind: 'string',
      short: 'f',
      repeat: true,
      value: 'KEY=VALUE',
      help: 'Show only those that fit: dangling, label, reference, before, since, until',
    },
    format: { kind: 'string', value: 'TEMPLATE', help: 'Go template, "table TEMPLATE" or "json"' },
    'no-trunc': { kind: 'boolean', help: 'Show whole IDs' },
    quiet: { kind: 'boolean', short: 'q', help: 'Show IDs only' },
    tree: { kind: 'boolean', help: 'Show the platforms of images made for several' },
  },
  async run({ flags, args: [name], given }, context) {
    if (flags.tree) refuseWithTree(given)
    const { pruneUntil } = await import('../container/prune-filters.ts')
    const engine = await context.openEngine()
    const { images } = await import('../../engine/images.ts')
    const found = await images(
      engine,
      { ...pruneUntil(flags.filter), ...(name === undefined ? {} : { name }) },
      context,
    )
    if (flags.tree) {
      const { imageTree } = await import('../../engine/image-tree.ts')
      const { formatImageTree } = await import('../image/image-tree.ts')
      const { createStyle } = await import('../../ui/style.ts')
      context.terminal.print(formatImageTree(await imageTree(engine, found), createStyle(context.terminal.colour)))
      return 0
    }
    const { formatList } = await import('../../ui/list.ts')
    const { imageColumns, imageRows } = await import('../image/image-columns.ts')
    const rows = found.flatMap((image) => imageRows(image, flags.digests || /\.Digest\b/.test(flags.format ?? '')))
    const columns = await imageColumns(flags['no-trunc'])
    const shown = ['Repository', 'Tag', ...(flags.digests ? ['Digest'] : []), 'ID', 'CreatedSince', 'Size']
    context.terminal.print(
      formatList(rows, { columns, shown, format: flags.format, quiet: flags.quiet ? 'ID' : undefined }),
    )
    return 0
  },
})

function refuseWithTree(given: ReadonlySet<string>): void {
  const other = ['quiet', 'no-trunc', 'digests', 'format'].find((flag) => given.has(flag))
  if (other !== undefined) throw new TsbuildError('USAGE', `Cannot use --${other} together with --tree`)
}
