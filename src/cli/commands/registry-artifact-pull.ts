import { printable } from '../../base/printable.ts'
import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'
import { locationDetails } from '../registry/edit-flags.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'NAME' }],
  flags: {
    output: {
      kind: 'string',
      short: 'o',
      value: 'FOLDER',
      default: '.',
      help: 'Where the files go',
      complete: 'directory',
    },
    type: {
      kind: 'string',
      value: 'TYPE',
      also: ['artifact-type'],
      help: 'Take the artifact of this type that is attached to NAME',
    },
  },
  details: locationDetails,
  async run({ flags, args: [name = ''] }, context) {
    const { registryArtifactPull } = await import('../../engine/registry-artifact.ts')
    const { openLocationTools } = await import('../registry/location-tools.ts')
    await using opened = await openLocationTools(context, context.emit)
    for (const path of await registryArtifactPull(opened.tools, { name, type: flags.type, folder: flags.output })) {
      context.terminal.printLine(printable(path))
    }
    return 0
  },
})
