import { once } from 'node:events'
import { TsbuildError } from '../../base/errors.ts'
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
    const { container, entries } = await logs(engine, { name, follow: flags.follow, ...range }, context)
    const details = flags.details ? `${detailsOf(container.spec)} ` : ''
    const { stdout, stderr } = context.terminal
    for await (const { stream, log, time } of entries) {
      const target = stream === 'stderr' ? stderr : stdout
      const stamp = flags.timestamps ? `${time} ` : ''
      if (!target.write(`${stamp}${details}${log}`)) await once(target, 'drain')
    }
    return 0
  },
})

/** As docker, whatever is no number means all. */
function parseTail(text: string): number | undefined {
  if (text === 'all') return undefined
  if (/^-\d+$/.test(text)) return undefined
  if (/^\d+$/.test(text)) return Number(text)
  throw new TsbuildError('USAGE', `invalid value "${text}" for --tail: expected a number or "all"`)
}

interface Described {
  readonly labels: Readonly<Record<string, string>>
  readonly process: { readonly env: readonly string[] }
  readonly log: { readonly options: Readonly<Record<string, string>> }
}

function detailsOf({ labels, process, log }: Described): string {
  const words = (option: string): readonly string[] =>
    (log.options[option] ?? '').split(',').filter((word) => word !== '')
  const variables = new Map(
    process.env.map((entry) => [entry.split('=', 1)[0] ?? '', entry.slice(entry.indexOf('=') + 1)]),
  )
  return [
    ...words('env').flatMap((name) => (variables.has(name) ? [`${name}=${variables.get(name)}`] : [])),
    ...words('labels').flatMap((name) => (labels[name] === undefined ? [] : [`${name}=${labels[name]}`])),
  ].join(',')
}
