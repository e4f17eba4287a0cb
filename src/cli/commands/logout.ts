import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'SERVER', optional: true }],
  flags: {},
  async run({ args: [server = ''] }, context) {
    const { logout } = await import('../../engine/logout.ts')
    const { host, erased } = await logout(context.settings, server, context)
    context.terminal.printLine(erased ? `Removing login credentials for ${host}` : `Not logged in to ${host}`)
    return 0
  },
})
