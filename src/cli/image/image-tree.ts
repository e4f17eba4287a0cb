import type { ImageTree } from '../../engine/image-tree.ts'
import { printable } from '../../base/printable.ts'
import type { Style } from '../../ui/style.ts'
import { humanSize } from '../../ui/human.ts'

const headings = ['IMAGE', 'ID', 'DISK USAGE', 'CONTENT SIZE', 'EXTRA'] as const
const gap = '   '

/** `images --tree` as docker draws it: an image under all its names, the platforms of an index below it. `U`: a container uses it. */
export function formatImageTree(images: readonly ImageTree[], style: Style): string {
  const rows = images.flatMap((image) => [
    ...(image.names.length === 0 ? ['<untagged>'] : image.names).map((name, at, all) =>
      at < all.length - 1 ? { name, cells: [] } : { name, cells: cellsOf(image) },
    ),
    ...image.platforms.map((one, at) => ({
      name: `${at < image.platforms.length - 1 ? '├─' : '└─'} ${one.platform}`,
      cells: cellsOf(one),
    })),
  ])
  const widths = headings.map((heading, column) =>
    Math.max(
      heading.length,
      ...rows.map(({ name, cells }) => (column === 0 ? name : (cells[column - 1] ?? '')).length),
    ),
  )
  const line = (cells: readonly string[], decorate: (text: string) => string): string =>
    cells
      .map((cell, column) =>
        // Sizes stand at the right, under the end of their headings.
        column === 2 || column === 3
          ? ' '.repeat(widths[column]! - cell.length) + decorate(cell)
          : decorate(cell) + ' '.repeat(widths[column]! - cell.length),
      )
      .join(gap)
      .trimEnd()
  const legend = 'Info → U In Use'
  const width = widths.reduce((sum, one) => sum + one + gap.length, -gap.length)
  return [
    legend.padStart(width),
    '',
    line(headings, style.bold),
    ...rows.map(({ name, cells }) => line([printable(name), ...cells], (text) => text)),
    '',
  ].join('\n')
}

function cellsOf({ id, diskUsage, contentSize, inUse }: Omit<ImageTree, 'names' | 'platforms'>): readonly string[] {
  return [id.replace('sha256:', '').slice(0, 12), humanSize(diskUsage), humanSize(contentSize), inUse ? 'U' : '']
}
