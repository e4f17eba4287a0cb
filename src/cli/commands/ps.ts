import type { PsEntry } from '../../engine/ps.ts'
import type { ListColumn } from '../../ui/list.ts'
import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [],
  flags: {
    all: { kind: 'boolean', short: 'a', help: 'Show all containers, not only those that run' },
    filter: { kind: 'string', short: 'f', repeat: true, value: 'KEY=VALUE', help: 'Show only those that fit' },
    format: { kind: 'string', value: 'TEMPLATE', help: 'Go template, "table TEMPLATE" or "json"' },
    last: {
      kind: 'integer',
      short: 'n',
      value: 'NUMBER',
      default: -1,
      help: 'Show the last created containers, in any state',
    },
    latest: { kind: 'boolean', short: 'l', help: 'Show the last created container, in any state' },
    'no-trunc': { kind: 'boolean', help: 'Do not shorten what is shown' },
    quiet: { kind: 'boolean', short: 'q', help: 'Show ids only' },
    size: { kind: 'boolean', short: 's', help: 'Show the size of the files' },
  },
  async run({ flags }, context) {
    const engine = await context.openEngine()
    const { ps } = await import('../../engine/ps.ts')
    const { formatList } = await import('../../ui/list.ts')
    const last = flags.latest ? 1 : flags.last
    const usesSize = flags.size || /\.Size\b/.test(flags.format ?? '')
    const entries = await ps(engine, {
      all: flags.all,
      filters: flags.filter,
      sizes: usesSize,
      ...(last < 0 ? {} : { last }),
    })
    const columns = await psColumns(flags['no-trunc'])
    const shown = ['ID', 'Image', 'Command', 'RunningFor', 'Status', 'Ports', 'Names', ...(flags.size ? ['Size'] : [])]
    // As docker: with --quiet the format does not count.
    const format = flags.quiet ? undefined : flags.format
    if (format !== flags.format) {
      context.emit({
        kind: 'notice',
        level: 'warning',
        text: 'Ignoring custom format, because both --format and --quiet are set.',
      })
    }
    context.terminal.print(formatList(entries, { columns, shown, format, quiet: flags.quiet ? 'ID' : undefined }))
    return 0
  },
})

async function psColumns(whole: boolean): Promise<Readonly<Record<string, ListColumn<PsEntry>>>> {
  const { commandText, portsText, statusText } = await import('../container/ps-text.ts')
  const { shortId } = await import('../../container/container-id.ts')
  const { argsOf } = await import('../../container/container-spec.ts')
  const { humanDuration, humanSize, localTime } = await import('../../ui/human.ts')
  const now = Date.now()
  const cut = (text: string, length: number): string =>
    whole || text.length <= length ? text : `${text.slice(0, length - 1)}…`
  const mounts = ({ container }: PsEntry): string =>
    container.mounts
      .filter(({ kind }) => kind !== 'tmpfs')
      .map(({ name, source }) => cut(name === '' ? source : name, 15))
      .join(',')
  return {
    ID: { header: 'CONTAINER ID', value: ({ container }) => (whole ? container.id : shortId(container.id)) },
    Image: { header: 'IMAGE', value: ({ container }) => shortImage(container.spec.image.name, whole) },
    Command: { header: 'COMMAND', value: ({ container }) => commandText(argsOf(container.spec.process), cut) },
    CreatedAt: { header: 'CREATED AT', value: ({ container }) => localTime(new Date(container.createdAt)) },
    RunningFor: { header: 'CREATED', value: ({ container }) => `${humanDuration(now - container.createdAt)} ago` },
    Ports: { header: 'PORTS', value: portsText },
    State: { header: 'STATE', value: ({ state }) => state.status },
    Status: { header: 'STATUS', value: ({ state }) => statusText(state, now) },
    Size: {
      header: 'SIZE',
      value: ({ sizes }) =>
        sizes === undefined ? '0B' : `${humanSize(sizes.rw)} (virtual ${humanSize(sizes.rootFs)})`,
    },
    Names: { header: 'NAMES', value: ({ container }) => container.name },
    Labels: {
      header: 'LABELS',
      value: ({ container }) =>
        Object.entries(container.spec.labels)
          .map(([key, value]) => `${key}=${value}`)
          .join(','),
    },
    Label: {
      header: 'LABEL',
      value:
        ({ container }) =>
        (key: unknown) =>
          container.spec.labels[String(key)] ?? '',
    },
    Mounts: { header: 'MOUNTS', value: mounts },
    LocalVolumes: {
      header: 'LOCAL VOLUMES',
      value: ({ container }) => String(container.mounts.filter(({ kind }) => kind === 'volume').length),
    },
    Networks: {
      header: 'NETWORKS',
      value: ({ container, endpoints }) =>
        networkNames(
          container.spec.network,
          endpoints.map(({ network }) => network.name),
        ),
    },
    Platform: { header: 'PLATFORM', value: ({ container }) => container.spec.image.platform.os },
  }
}

function networkNames(asked: PsEntry['container']['spec']['network'], joined: readonly string[]): string {
  if (joined.length > 0) return joined.join(',')
  if (typeof asked.mode === 'object') return `container:${asked.mode.container}`
  return asked.mode === 'bridge' ? asked.endpoints.map(({ network }) => network).join(',') : asked.mode
}

/** An image that was named by a whole digest is shown by its short form. */
function shortImage(name: string, whole: boolean): string {
  return !whole && /^(sha256:)?[0-9a-f]{64}$/.test(name) ? name.replace('sha256:', '').slice(0, 12) : name
}
