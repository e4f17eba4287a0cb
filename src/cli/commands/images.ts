import type { ListedImage } from '../../image/list-images.ts'
import type { Reference } from '../../oci/reference.ts'
import type { ListColumn } from '../../ui/list.ts'
import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'NAME[:TAG]', optional: true, complete: 'image' }],
  flags: {
    all: {
      kind: 'boolean',
      short: 'a',
      hidden: true,
      help: 'Show intermediate images',
      ignored: 'there are no intermediate images',
    },
    digests: { kind: 'boolean', help: 'Show the digests that registries know the images by' },
    filter: {
      kind: 'string',
      short: 'f',
      repeat: true,
      value: 'KEY=VALUE',
      help: 'Show only those that fit: dangling, label, reference, before, since',
    },
    format: { kind: 'string', value: 'TEMPLATE', help: 'Go template, "table TEMPLATE" or "json"' },
    'no-trunc': { kind: 'boolean', help: 'Show whole IDs' },
    quiet: { kind: 'boolean', short: 'q', help: 'Show IDs only' },
  },
  async run({ flags, args: [name] }, context) {
    const engine = await context.openEngine()
    const { images } = await import('../../engine/images.ts')
    const { formatList } = await import('../../ui/list.ts')
    const found = await images(engine, { filters: flags.filter, ...(name === undefined ? {} : { name }) }, context)
    const withDigests = flags.digests || /\.Digest\b/.test(flags.format ?? '')
    const rows = found.flatMap((image) => rowsOf(image, withDigests))
    const columns = await imageColumns(flags['no-trunc'])
    const shown = ['Repository', 'Tag', ...(flags.digests ? ['Digest'] : []), 'ID', 'CreatedSince', 'Size']
    context.terminal.print(
      formatList(rows, { columns, shown, format: flags.format, quiet: flags.quiet ? 'ID' : undefined }),
    )
    return 0
  },
})

/** One line per name; an image without names has one line. */
interface Row {
  readonly listed: ListedImage
  readonly name: Reference | undefined
  readonly digest: string | undefined
}

function rowsOf(listed: ListedImage, withDigests: boolean): readonly Row[] {
  const digestOf = (name: Reference): string | undefined =>
    listed.digests.find((one) => one.registry === name.registry && one.repository === name.repository)?.digest
  const tagged = listed.tags.map((name): Row => ({ listed, name, digest: withDigests ? digestOf(name) : undefined }))
  if (tagged.length > 0) return tagged
  const byDigest = listed.digests.map((name): Row => ({ listed, name, digest: name.digest }))
  return byDigest.length > 0 ? byDigest : [{ listed, name: undefined, digest: undefined }]
}

async function imageColumns(whole: boolean): Promise<Readonly<Record<string, ListColumn<Row>>>> {
  const { familiarRepository } = await import('../../oci/reference.ts')
  const { shortId } = await import('../../oci/digest.ts')
  const { formatPlatform } = await import('../../oci/platform.ts')
  const { humanSize, relativeAge } = await import('../../ui/human.ts')
  const now = Date.now()
  return {
    Repository: {
      header: 'REPOSITORY',
      value: ({ name }) => (name === undefined ? '<none>' : familiarRepository(name)),
    },
    Tag: { header: 'TAG', value: ({ name }) => name?.tag ?? '<none>' },
    Digest: { header: 'DIGEST', value: ({ digest }) => digest ?? '<none>' },
    ID: { header: 'IMAGE ID', value: ({ listed }) => (whole ? listed.image.id : shortId(listed.image.id)) },
    CreatedSince: { header: 'CREATED', value: ({ listed }) => relativeAge(listed.createdAt, now) },
    CreatedAt: { header: 'CREATED AT', value: ({ listed }) => new Date(listed.createdAt).toISOString() },
    Size: { header: 'SIZE', value: ({ listed }) => humanSize(listed.size) },
    Platform: { header: 'PLATFORM', value: ({ listed }) => formatPlatform(listed.image.config) },
  }
}
