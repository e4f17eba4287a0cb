import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [
    { name: 'CONTAINER', complete: 'running' },
    { name: 'PORT[/PROTOCOL]', optional: true },
  ],
  flags: {},
  async run({ args: [name = '', port] }, context) {
    const engine = await context.openEngine()
    const { port: publishedPorts } = await import('../../engine/port.ts')
    for (const entry of await publishedPorts(engine, { name, ...(port === undefined ? {} : { port }) })) {
      const hosts =
        entry.hostIp === '' ? ['0.0.0.0', '[::]'] : [entry.hostIp.includes(':') ? `[${entry.hostIp}]` : entry.hostIp]
      for (const host of hosts) {
        const place = `${host}:${entry.hostPort}`
        context.terminal.printLine(port === undefined ? `${entry.port}/${entry.proto} -> ${place}` : place)
      }
    }
    return 0
  },
})
