import { TsbuildError } from '../base/errors.ts'
import { optional, present, readJson } from './json.ts'
import type { JsonReader } from './json.ts'
import type { ContainerConfig, Healthcheck, HistoryEntry, ImageConfig } from './types.ts'

/** Far above any real configuration (history of a thousand steps is about 300 KiB). */
export const maxConfigSize: number = 8 * 1024 * 1024

/**
 * Parses and checks an image configuration (OCI image-spec "Image Configuration", docker's extensions included). A config without
 * a platform is read as linux on `fallbackArchitecture`, as docker does for images made by hand. Error: CONFIG_INVALID.
 */
export function parseImageConfig(bytes: Uint8Array, what: string, fallbackArchitecture = 'amd64'): ImageConfig {
  if (bytes.byteLength > maxConfigSize) {
    const limit = `at most ${maxConfigSize} are allowed`
    throw new TsbuildError('CONFIG_INVALID', `Cannot read ${what}: it has ${bytes.byteLength} bytes, ${limit}`)
  }
  const root = readJson(bytes, { code: 'CONFIG_INVALID', what })
  const diffIds = root.get('rootfs').absent
    ? []
    : (optional(root.get('rootfs').get('diff_ids'), (item) => item.list((id) => id.digest(), 10_000)) ?? [])
  return present<ImageConfig>({
    created: optionalText(root, 'created'),
    author: optionalText(root, 'author') || undefined,
    os: optionalText(root, 'os') || 'linux',
    architecture: optionalText(root, 'architecture') || fallbackArchitecture,
    variant: optionalText(root, 'variant') || undefined,
    'os.version': optionalText(root, 'os.version') || undefined,
    'os.features': optional(root.get('os.features'), (item) => item.list((feature) => feature.string(), 100)),
    config: optional(root.get('config'), readContainerConfig),
    rootfs: { type: 'layers', diff_ids: diffIds },
    history: optional(root.get('history'), (item) => item.list(readHistory, 10_000)),
  })
}

function readContainerConfig(reader: JsonReader): ContainerConfig {
  const text = (name: string): string | undefined => optionalText(reader, name)
  const texts = (name: string): readonly string[] | undefined =>
    optional(reader.get(name), (item) => item.list((entry) => entry.string()))
  const keys = (name: string): Readonly<Record<string, object>> | undefined =>
    optional(reader.get(name), (item) => item.record(() => ({})))
  return present<ContainerConfig>({
    Hostname: text('Hostname') || undefined,
    Domainname: text('Domainname') || undefined,
    User: text('User'),
    ExposedPorts: keys('ExposedPorts'),
    Env: texts('Env'),
    Entrypoint: texts('Entrypoint'),
    Cmd: texts('Cmd'),
    Volumes: keys('Volumes'),
    WorkingDir: text('WorkingDir'),
    Labels: optional(reader.get('Labels'), (item) => item.record((value) => value.string())),
    StopSignal: text('StopSignal'),
    ArgsEscaped: optional(reader.get('ArgsEscaped'), (item) => item.boolean()),
    Healthcheck: optional(reader.get('Healthcheck'), readHealthcheck),
    OnBuild: texts('OnBuild'),
    Shell: texts('Shell'),
  })
}

function readHealthcheck(reader: JsonReader): Healthcheck {
  const number = (name: string): number | undefined => optional(reader.get(name), (item) => item.integer())
  return present<Healthcheck>({
    Test: optional(reader.get('Test'), (item) => item.list((entry) => entry.string())),
    Interval: number('Interval'),
    Timeout: number('Timeout'),
    StartPeriod: number('StartPeriod'),
    StartInterval: number('StartInterval'),
    Retries: number('Retries'),
  })
}

function readHistory(reader: JsonReader): HistoryEntry {
  return present<HistoryEntry>({
    created: optionalText(reader, 'created'),
    created_by: optionalText(reader, 'created_by'),
    author: optionalText(reader, 'author'),
    comment: optionalText(reader, 'comment'),
    empty_layer: optional(reader.get('empty_layer'), (item) => item.boolean()),
  })
}

function optionalText(reader: JsonReader, name: string): string | undefined {
  return optional(reader.get(name), (item) => item.string())
}
