import type { Descriptor } from '../../oci/types.ts'
import type { ListColumn } from '../../ui/list.ts'
import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'
import { locationDetails } from '../registry/edit-flags.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'NAME' }],
  flags: {
    type: { kind: 'string', value: 'TYPE', also: ['artifact-type'], help: 'Only artifacts of this type' },
    format: { kind: 'string', value: 'TEMPLATE', help: 'Go template, "table", "table TEMPLATE" or "json"' },
  },
  details: locationDetails,
  async run({ flags, args: [name = ''] }, context) {
    const { registryArtifactList } = await import('../../engine/registry-artifact.ts')
    const { openLocationTools } = await import('../registry/location-tools.ts')
    await using opened = await openLocationTools(context, context.emit)
    const found = await registryArtifactList(opened.tools, { name, type: flags.type })
    const { formatList } = await import('../../ui/list.ts')
    const { humanSize } = await import('../../ui/human.ts')
    const columns: Readonly<Record<string, ListColumn<Descriptor>>> = {
      Digest: { header: 'DIGEST', value: ({ digest }) => digest },
      ArtifactType: { header: 'TYPE', value: ({ artifactType, mediaType }) => artifactType ?? mediaType },
      MediaType: { header: 'MEDIA TYPE', value: ({ mediaType }) => mediaType },
      Size: { header: 'SIZE', value: ({ size }) => humanSize(size) },
      Annotations: { header: 'ANNOTATIONS', value: ({ annotations }) => annotations ?? {} },
    }
    const format = flags.format ?? '{{.Digest}} {{.ArtifactType}}'
    context.terminal.print(formatList(found, { columns, shown: ['Digest', 'ArtifactType', 'Size'], format }))
    return 0
  },
})
