import { printable } from '../../base/printable.ts'
import type { Descriptor } from '../../oci/types.ts'
import { builderFlag } from '../build/builder-flag.ts'
import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'NAME' }],
  flags: {
    ...builderFlag,
    raw: { kind: 'boolean', help: 'Show the document as the registry holds it' },
    format: { kind: 'string', value: 'TEMPLATE', help: 'Go template over .Name and .Manifest, or "json"' },
    verbose: { kind: 'boolean', short: 'v', hidden: true, help: 'Show more', ignored: 'everything is shown' },
    insecure: {
      kind: 'boolean',
      hidden: true,
      help: 'Allow plain http',
      ignored: 'insecure registries are configured',
    },
  },
  async run({ flags, args: [name = ''] }, context) {
    const { openClient } = await import('../registry/location-tools.ts')
    const { registryManifest } = await import('../../engine/registry-read.ts')
    const { formatReference, parseReference, withDefaultTag } = await import('../../oci/reference.ts')
    await using client = await openClient(context)
    const { bytes, mediaType, digest } = await registryManifest(client, { name }, context)
    if (flags.raw) {
      context.terminal.print(bytes)
      return 0
    }
    const document = JSON.parse(Buffer.from(bytes).toString('utf8')) as { readonly manifests?: readonly Descriptor[] }
    const full = formatReference(withDefaultTag(parseReference(name)))
    if (flags.format !== undefined) {
      const { formatValues } = await import('../../ui/format-value.ts')
      const value = { Name: full, Manifest: { mediaType, digest, size: bytes.byteLength, ...document } }
      context.terminal.print(formatValues(flags.format, [value]))
      return 0
    }
    for (const line of describe(full, mediaType, digest, document.manifests ?? []))
      context.terminal.printLine(printable(line))
    return 0
  },
})

function* describe(
  name: string,
  mediaType: string,
  digest: string,
  manifests: readonly Descriptor[],
): Generator<string> {
  yield `Name:      ${name}`
  yield `MediaType: ${mediaType}`
  yield `Digest:    ${digest}`
  if (manifests.length === 0) return
  yield ''
  yield 'Manifests:'
  for (const entry of manifests) {
    yield `  Name:      ${name.replace(/(?::[^/:@]*)?(?:@.*)?$/, '')}@${entry.digest}`
    yield `  MediaType: ${entry.mediaType}`
    if (entry.platform !== undefined) {
      const { os, architecture, variant } = entry.platform
      yield `  Platform:  ${os}/${architecture}${variant === undefined ? '' : `/${variant}`}`
    }
    yield ''
  }
}
