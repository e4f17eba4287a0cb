import { printable } from '../../base/printable.ts'
import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'
import { locationDetails } from '../registry/edit-flags.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'SOURCE', many: true }],
  flags: { quiet: { kind: 'boolean', short: 'q', help: 'Show problems only' } },
  details: `Everything is read: digests, sizes, DiffIDs, documents and tar format. Exit status 1 when something is wrong. ${locationDetails}`,
  async run({ flags, args: names }, context) {
    const { registryValidate } = await import('../../engine/registry-validate.ts')
    const { openLocationTools } = await import('../registry/location-tools.ts')
    await using opened = await openLocationTools(context, context.emit)
    let problems = 0
    for (const name of names) {
      for await (const { what, error } of registryValidate(opened.tools, name)) {
        if (error !== undefined) problems += 1
        if (error !== undefined || !flags.quiet) {
          context.terminal.printLine(
            printable(error === undefined ? `ok   ${what}` : `FAIL ${what}: ${error.message} (${error.code})`),
          )
        }
      }
    }
    return problems === 0 ? 0 : 1
  },
})
