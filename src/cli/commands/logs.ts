import { once } from 'node:events'
import { invalidFlag } from '../../base/flag-error.ts'
import type { LogEntry } from '../../container/log-reader.ts'
import { writeAll } from '../write-all.ts'
import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'CONTAINER', complete: 'container' }],
  flags: {
    details: { kind: 'boolean', help: 'Show the labels and variables that the logging options name' },
    follow: { kind: 'boolean', short: 'f', help: 'Go on until the container ends' },
    since: {
      kind: 'string',
      value: 'TIME',
      help: 'Only lines since a time (2026-01-02T15:04:05) or a while ago (10m)',
    },
    tail: { kind: 'string', short: 'n', value: 'NUMBER', default: 'all', help: 'Only the last lines' },
    timestamps: { kind: 'boolean', short: 't', help: 'Show when each line was written' },
    until: { kind: 'string', value: 'TIME', help: 'Only lines until a time or a while ago' },
  },
  async run({ flags, args: [name = ''] }, context) {
    const { parseTime } = await import('../container/time-flag.ts')
    const { logs } = await import('../../engine/logs.ts')
    const now = Date.now()
    const tail = parseTail(flags.tail)
    const range = {
      ...(tail === undefined ? {} : { tail }),
      ...(flags.since === undefined ? {} : { since: parseTime('--since', flags.since, now) }),
      ...(flags.until === undefined ? {} : { until: parseTime('--until', flags.until, now) }),
    }
    const engine = await context.openEngine()
    const { entries } = await logs(engine, { name, follow: flags.follow, ...range }, context)
    const { stdout, stderr } = context.terminal
    for await (const entry of entries) {
      const { stream, log, time } = entry
      const target = stream === 'stderr' ? stderr : stdout
      const details = flags.details ? detailsText(entry) : ''
      const stamp = flags.timestamps ? `${time} ` : ''
      if (!target.write(`${stamp}${details}${log}`)) await once(target, 'drain')
    }
    await Promise.all([stdout, stderr].map((target) => writeAll(target, new Uint8Array())))
    return 0
  },
})

/** As docker, whatever is no number means all. */
function parseTail(text: string): number | undefined {
  if (text === 'all') return undefined
  if (/^-\d+$/.test(text)) return undefined
  if (/^\d+$/.test(text)) return Number(text)
  throw invalidFlag('--tail', text, 'expected a number or "all"')
}

/** docker's order: by name. */
function detailsText(entry: LogEntry): string {
  const words = Object.entries(entry.attrs ?? {}).map(([name, value]) => `${name}=${value}`)
  return `${words.toSorted().join(',')} `
}
