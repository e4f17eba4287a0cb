import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'NAME' }],
  flags: {
    insecure: {
      kind: 'boolean',
      hidden: true,
      help: 'Allow plain http',
      ignored: 'insecure registries are configured',
    },
    verbose: { kind: 'boolean', short: 'v', help: 'Show the digest and media type, too' },
  },
  async run({ flags, args: [name = ''] }, context) {
    const { openClient } = await import('../registry/location-tools.ts')
    const { registryManifest } = await import('../../engine/registry-read.ts')
    const { formatReference, parseReference, withDefaultTag } = await import('../../oci/reference.ts')
    await using client = await openClient(context)
    const { bytes, mediaType, digest } = await registryManifest(client, { name }, context)
    const document: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'))
    const shown = flags.verbose
      ? {
          Ref: formatReference(withDefaultTag(parseReference(name))),
          Descriptor: { mediaType, digest, size: bytes.byteLength },
          Manifest: document,
        }
      : document
    context.terminal.printLine(JSON.stringify(shown, undefined, 2))
    return 0
  },
})
