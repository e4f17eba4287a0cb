import { printableLine } from '../../base/printable.ts'
import type { LoggedEvent } from '../../store/event-log.ts'
import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [],
  flags: {
    filter: { kind: 'string', short: 'f', repeat: true, value: 'KEY=VALUE', help: 'Show only those that fit' },
    format: { kind: 'string', value: 'TEMPLATE', help: 'Go template or "json"' },
    since: { kind: 'string', value: 'TIME', help: 'Also what happened since a time or a while ago' },
    until: { kind: 'string', value: 'TIME', help: 'End at a time' },
  },
  async run({ flags }, context) {
    const { parseTime } = await import('../container/time-flag.ts')
    const now = Date.now()
    const request = {
      filters: flags.filter,
      ...(flags.since === undefined ? {} : { since: parseTime('--since', flags.since, now) }),
      ...(flags.until === undefined ? {} : { until: parseTime('--until', flags.until, now) }),
    }
    const engine = await context.openEngine()
    const { events } = await import('../../engine/events.ts')
    const { formatValue } = await import('../../ui/format-value.ts')
    for await (const event of events(engine, request, context)) {
      if (flags.format === undefined) context.terminal.printLine(eventLine(event))
      else context.terminal.print(formatValue(flags.format, eventJson(event)))
    }
    return 0
  },
})

/** Labels are whatever an image says, and may be long. */
const maxLine = 100_000

/** `2026-01-02T15:04:05.000000000Z container create 1c3a… (image=busybox, name=x)` */
function eventLine({ at, type, action, actor, attributes }: LoggedEvent): string {
  const pairs = Object.entries(attributes)
    .toSorted(([a], [b]) => a.localeCompare(b))
    .map(([key, value]) => `${key}=${value}`)
  const time = new Date(at).toISOString().replace('Z', '000000Z')
  return printableLine(`${time} ${type} ${action} ${actor} (${pairs.join(', ')})`, maxLine)
}

/** In docker's shape. */
function eventJson({ at, type, action, actor, attributes }: LoggedEvent): object {
  return {
    ...(type === 'container' ? { status: action, id: actor, from: attributes['image'] ?? '' } : {}),
    Type: type,
    Action: action,
    Actor: { ID: actor, Attributes: attributes },
    scope: 'local',
    time: Math.floor(at / 1000),
    timeNano: at * 1_000_000,
  }
}
