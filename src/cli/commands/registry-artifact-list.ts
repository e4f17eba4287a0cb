import { printable } from '../../base/printable.ts'
import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'
import { locationDetails } from '../registry/edit-flags.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'NAME' }],
  flags: {
    type: { kind: 'string', value: 'TYPE', also: ['artifact-type'], help: 'Only artifacts of this type' },
    format: { kind: 'string', choices: ['text', 'json'], default: 'text', help: 'How they are shown' },
  },
  details: locationDetails,
  async run({ flags, args: [name = ''] }, context) {
    const { registryArtifactList } = await import('../../engine/registry-artifact.ts')
    const { openLocationTools } = await import('../registry/location-tools.ts')
    await using opened = await openLocationTools(context, context.emit)
    const found = await registryArtifactList(opened.tools, { name, type: flags.type })
    if (flags.format === 'json') context.terminal.printLine(JSON.stringify(found, undefined, 2))
    else
      for (const { digest, artifactType, mediaType } of found)
        context.terminal.printLine(printable(`${digest} ${artifactType ?? mediaType}`))
    return 0
  },
})
