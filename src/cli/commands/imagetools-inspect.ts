import { printable } from '../../base/printable.ts'
import type { InspectedContent, InspectedImage } from '../../engine/imagetools-inspect.ts'
import { formatPlatform } from '../../oci/platform.ts'
import { builderFlag } from '../build/builder-flag.ts'
import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'
import { insecureFlag } from '../registry/edit-flags.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'NAME' }],
  flags: {
    ...builderFlag,
    raw: { kind: 'boolean', help: 'Show the document as the registry holds it' },
    format: {
      kind: 'string',
      value: 'TEMPLATE',
      help: 'Go template over .Name, .Manifest, .Image, .Provenance and .SBOM, or "json"',
    },
    verbose: { kind: 'boolean', short: 'v', hidden: true, help: 'Show more', ignored: 'everything is shown' },
    ...insecureFlag,
  },
  details:
    '.Image is the config, .Provenance and .SBOM have .SLSA and .SPDX; of an index for several platforms all three are maps by platform.',
  examples: [
    "tsbuild imagetools inspect --format '{{json .Manifest}}' debian:bookworm",
    `tsbuild imagetools inspect --format '{{(index .Image "linux/arm64").Config.Env}}' debian:bookworm`,
  ],
  async run({ flags, args: [name = ''] }, context) {
    const { openClient } = await import('../registry/location-tools.ts')
    const { imagetoolsInspect } = await import('../../engine/imagetools-inspect.ts')
    await using client = await openClient(context)
    const found = await imagetoolsInspect(client, name, context)
    if (flags.raw) context.terminal.print(found.bytes)
    else if (flags.format === undefined || /^\{\{\s*\.Manifest\s*\}\}$/.test(flags.format)) {
      for (const line of describe(found)) context.terminal.printLine(printable(line))
    } else {
      const { inspectedContent } = await import('../../engine/imagetools-inspect.ts')
      const { compileTemplate } = await import('../../ui/template/template.ts')
      const { escapeHtml } = await import('../../ui/template/functions.ts')
      const { withGoNames } = await import('../registry/go-names.ts')
      // buildx's json is made for reading.
      const json = (value: unknown): string => escapeHtml(JSON.stringify(value, undefined, 2) ?? 'null')
      const format = flags.format === 'json' ? '{{json .}}' : flags.format
      const template = compileTemplate(format, { json })
      const needsContent = /\.(Image|Provenance|SBOM)\b|[\s(]\.[\s)}]/.test(format)
      const content = needsContent ? await inspectedContent(client, found, context) : undefined
      const [name, manifest, image] = [found.name, manifestOf(found), content?.image]
      const document = withGoNames({ Name: name, Manifest: manifest, Image: image, ...attestations(content) }) as object
      // As JSON it is what buildx's is: without what attests the image.
      Object.defineProperty(document, 'toJSON', { value: () => ({ name, manifest, image }), enumerable: false })
      context.terminal.printLine(printable(template.render(document)))
    }
    return 0
  },
})

/** An image's manifest is told by its descriptor, an index with its entries. */
function manifestOf({ bytes, descriptor: { mediaType, digest, size }, document }: InspectedImage): object {
  if (document.kind === 'manifest') return { mediaType, digest, size }
  // The registry's own members, in its order.
  const {
    schemaVersion,
    mediaType: _,
    ...rest
  } = JSON.parse(Buffer.from(bytes).toString('utf8')) as object & {
    readonly schemaVersion: number
    readonly mediaType?: string
  }
  return { schemaVersion, mediaType, digest, size, ...rest }
}

function attestations(content: InspectedContent | undefined): object {
  return { Provenance: content?.provenance, SBOM: content?.sbom }
}

type Row = readonly [label: string, value: string]

/** buildx's text. Its blocks are aligned one by one; annotations are a block of their own. */
function describe({ name, descriptor: { mediaType, digest }, document }: InspectedImage): readonly string[] {
  const head: readonly Row[] = [
    ['Name:', name],
    ['MediaType:', mediaType],
    ['Digest:', digest],
  ]
  if (document.kind === 'manifest') return aligned(head)
  const repository = name.replace(/@.*$/, '')
  const lines = [...aligned([...head, ['', ''], ['Manifests:', '']])]
  let block: Row[] = []
  for (const [at, entry] of document.index.manifests.entries()) {
    if (at > 0) block.push(['', ''])
    block.push(['  Name:', `${repository}@${entry.digest}`], ['  MediaType:', entry.mediaType])
    if (entry.platform !== undefined) block.push(['  Platform:', formatPlatform(entry.platform)])
    const annotations = Object.entries(entry.annotations ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))
    if (annotations.length === 0) continue
    lines.push(...aligned([...block, ['  Annotations:', '']]))
    lines.push(...aligned(annotations.map(([key, value]) => [`    ${key}:`, value])))
    block = []
  }
  return [...lines, ...aligned(block)]
}

function aligned(rows: readonly Row[]): readonly string[] {
  const width = Math.max(...rows.map(([label]) => label.length)) + 1
  return rows.map(([label, value]) => label.padEnd(width) + value)
}
