import type { ContainerUsage, DiskUsage, ImageUsage, VolumeUsage } from '../../engine/system-df.ts'
import type { CacheItem } from '../../engine/builder-cache.ts'
import { argsOf } from '../../container/container-spec.ts'
import { shortId } from '../../container/container-id.ts'
import { goJson } from '../../ui/template/functions.ts'
import { humanSize, localTime, relativeAge } from '../../ui/human.ts'
import { formatList } from '../../ui/list.ts'
import type { ListColumn } from '../../ui/list.ts'
import { formatValue } from '../../ui/format-value.ts'
import { statusText } from '../container/ps-text.ts'
import { imageColumns, imageRows } from '../image/image-columns.ts'

type Columns<Row> = Readonly<Record<string, ListColumn<Row>>>

interface Section<Row> {
  readonly name: string
  readonly heading: string
  readonly rows: readonly Row[]
  readonly shown: readonly string[]
  /** `whole`: IDs are not cut, as for programs. */
  readonly columns: (whole: boolean) => Columns<Row>
}

type Draw<Result> = <Row>(section: Section<Row>) => Result

/** `system df -v`: docker's tables, or with `format` its document (`.Images`, `.Containers`, `.Volumes`, `.BuildCache`). */
export async function formatDfDetails(usage: DiskUsage, format: string | undefined): Promise<string> {
  if (format === undefined || format === 'table') {
    const tables = await drawAll(usage, ({ heading, rows, shown, columns }) => {
      return `${heading}\n\n${formatList(rows, { columns: columns(false), shown })}`
    })
    return tables.join('\n')
  }
  const members = await drawAll(usage, ({ name, rows, shown, columns }) => {
    const lines = formatList(rows, { columns: columns(true), shown, format: 'json' }).trimEnd()
    return `${goJson(name)}:[${lines.replaceAll('\n', ',')}]`
  })
  const document = `{${members.join(',')}}`
  return format === 'json' ? `${document}\n` : formatValue(format, JSON.parse(document) as unknown)
}

async function drawAll<Result>(usage: DiskUsage, draw: Draw<Result>): Promise<readonly Result[]> {
  const [short, whole] = [await imageColumns(false), await imageColumns(true)]
  const images: Section<ImageUsage> = {
    name: 'Images',
    heading: 'Images space usage:',
    rows: usage.images,
    shown: ['Repository', 'Tag', 'ID', 'CreatedSince', 'Size', 'SharedSize', 'UniqueSize', 'Containers'],
    columns: (all) => imageUsageColumns(all ? whole : short),
  }
  const cacheBytes = usage.cache.reduce((sum, { size }) => sum + size, 0)
  return [
    draw(images),
    draw({
      name: 'Containers',
      heading: 'Containers space usage:',
      rows: usage.containers,
      shown: ['ID', 'Image', 'Command', 'LocalVolumes', 'Size', 'RunningFor', 'Status', 'Names'],
      columns: containerColumns,
    }),
    draw({
      name: 'Volumes',
      heading: 'Local Volumes space usage:',
      rows: usage.volumes,
      shown: ['Name', 'Links', 'Size'],
      columns: () => volumeColumns,
    }),
    draw({
      name: 'BuildCache',
      heading: `Build cache usage: ${humanSize(cacheBytes)}`,
      rows: usage.cache,
      shown: ['ID', 'CacheType', 'Size', 'CreatedSince', 'LastUsedSince', 'UsageCount', 'Shared'],
      columns: () => cacheColumns(),
    }),
  ]
}

/** An image is one line here, under its first name. */
function imageUsageColumns(columns: Awaited<ReturnType<typeof imageColumns>>): Columns<ImageUsage> {
  const ofFirstName = Object.entries(columns).map(([name, { header, value }]): [string, ListColumn<ImageUsage>] => [
    name,
    { header, value: (image) => value(imageRows(image, false)[0]!) },
  ])
  return {
    ...Object.fromEntries(ofFirstName),
    SharedSize: { header: 'SHARED SIZE', value: ({ shared }) => humanSize(shared, 4) },
    UniqueSize: { header: 'UNIQUE SIZE', value: ({ size, shared }) => humanSize(size - shared, 4) },
  }
}

function containerColumns(whole: boolean): Columns<ContainerUsage> {
  const now = Date.now()
  const volumes = ({ container }: ContainerUsage): number =>
    container.mounts.filter(({ kind }) => kind === 'volume').length
  const command = ({ container }: ContainerUsage): string => {
    const text = argsOf(container.spec.process).join(' ')
    return `"${whole || text.length <= 20 ? text : `${text.slice(0, 19)}…`}"`
  }
  return {
    ID: { header: 'CONTAINER ID', value: ({ container }) => (whole ? container.id : shortId(container.id)) },
    Image: { header: 'IMAGE', value: ({ container }) => container.spec.image.name },
    Command: { header: 'COMMAND', value: command },
    LocalVolumes: { header: 'LOCAL VOLUMES', value: (one) => String(volumes(one)) },
    Size: { header: 'SIZE', value: ({ size }) => humanSize(size) },
    RunningFor: { header: 'CREATED', value: ({ container }) => relativeAge(container.createdAt, now) },
    CreatedAt: { header: 'CREATED AT', value: ({ container }) => localTime(new Date(container.createdAt)) },
    State: { header: 'STATE', value: ({ state }) => state.status },
    Status: { header: 'STATUS', value: ({ state }) => statusText(state, now) },
    Names: { header: 'NAMES', value: ({ container }) => container.name },
  }
}

const volumeColumns: Columns<VolumeUsage> = {
  Name: { header: 'VOLUME NAME', value: ({ volume }) => volume.name },
  Links: { header: 'LINKS', value: ({ links }) => String(links) },
  Size: { header: 'SIZE', value: ({ size }) => humanSize(size) },
  Driver: { header: 'DRIVER', value: () => 'local' },
  Scope: { header: 'SCOPE', value: () => 'local' },
}

function cacheColumns(): Columns<CacheItem> {
  const now = Date.now()
  return {
    ID: { header: 'CACHE ID', value: ({ id }) => id },
    CacheType: { header: 'CACHE TYPE', value: ({ kind }) => (kind === 'layer' ? 'regular' : 'exec.cachemount') },
    Size: { header: 'SIZE', value: ({ size }) => humanSize(size) },
    CreatedSince: { header: 'CREATED', value: ({ createdAt }) => relativeAge(createdAt, now) },
    CreatedAt: { header: 'CREATED AT', value: ({ createdAt }) => localTime(new Date(createdAt)) },
    LastUsedSince: { header: 'LAST USED', value: ({ usedAt }) => relativeAge(usedAt, now) },
    LastUsedAt: { header: 'LAST USED AT', value: ({ usedAt }) => localTime(new Date(usedAt)) },
    UsageCount: { header: 'USAGE', value: ({ uses }) => String(uses) },
    InUse: { header: 'IN USE', value: ({ inUse }) => String(inUse) },
    Shared: { header: 'SHARED', value: ({ shared }) => String(shared) },
    Description: { header: 'DESCRIPTION', value: ({ description }) => description },
  }
}
