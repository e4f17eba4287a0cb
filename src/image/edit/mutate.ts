import { TsbuildError } from '../../base/errors.ts'
import type { Manifest } from '../../oci/types.ts'
import type { ContentEdit, EditableImage, RawConfig } from './edit-content.ts'

/** Changes of an image's config; a member that is absent stays as it is. */
export interface ConfigChanges {
  /** `NAME=VALUE`. */
  readonly env: readonly string[]
  readonly removeEnv: readonly string[]
  readonly labels: readonly string[]
  readonly removeLabels: readonly string[]
  readonly annotations: readonly string[]
  readonly removeAnnotations: readonly string[]
  readonly expose: readonly string[]
  readonly volumes: readonly string[]
  readonly entrypoint?: readonly string[]
  readonly cmd?: readonly string[]
  readonly user?: string
  readonly workdir?: string
  readonly stopSignal?: string
  /** RFC 3339; also the time of all history entries. */
  readonly created?: string
}

/** Writes the config of every image anew. A new entrypoint takes an inherited command away, as ENTRYPOINT does. Error: USAGE. */
export function mutateEdit(changes: ConfigChanges): ContentEdit {
  const annotations = pairs('annotation', changes.annotations)
  const annotate = <T extends { readonly annotations?: Readonly<Record<string, string>> }>(document: T): T => {
    if (annotations.length === 0 && changes.removeAnnotations.length === 0) return document
    return { ...document, annotations: changed(document.annotations ?? {}, annotations, changes.removeAnnotations) }
  }
  return {
    image: async ({ manifest, config }): Promise<EditableImage> => ({
      manifest: annotate<Manifest>(manifest),
      config: mutateConfig(config, changes),
    }),
    index: annotate,
  }
}

function mutateConfig(config: RawConfig, changes: ConfigChanges): RawConfig {
  const own = asObject(config['config'])
  const next: Record<string, unknown> = { ...own }
  if (changes.env.length > 0 || changes.removeEnv.length > 0) next['Env'] = mutateEnv(own['Env'], changes)
  if (changes.labels.length > 0 || changes.removeLabels.length > 0) {
    next['Labels'] = changed(asObject(own['Labels']), pairs('label', changes.labels), changes.removeLabels)
  }
  for (const port of changes.expose) next['ExposedPorts'] = { ...asObject(next['ExposedPorts']), [portKey(port)]: {} }
  for (const path of changes.volumes) next['Volumes'] = { ...asObject(next['Volumes']), [path]: {} }
  if (changes.entrypoint !== undefined) {
    next['Entrypoint'] = changes.entrypoint
    delete next['Cmd']
  }
  if (changes.cmd !== undefined) next['Cmd'] = changes.cmd
  if (changes.user !== undefined) next['User'] = changes.user
  if (changes.workdir !== undefined) next['WorkingDir'] = changes.workdir
  if (changes.stopSignal !== undefined) next['StopSignal'] = changes.stopSignal
  const timed = changes.created === undefined ? {} : retimed(config, changes.created)
  return { ...config, ...timed, config: next }
}

function retimed(config: RawConfig, created: string): RawConfig {
  if (Number.isNaN(Date.parse(created)))
    throw new TsbuildError('USAGE', `Cannot use the time "${created}": expected RFC 3339, such as 2026-01-02T03:04:05Z`)
  const history: readonly unknown[] = Array.isArray(config['history']) ? config['history'] : []
  return {
    created,
    ...(history.length === 0 ? {} : { history: history.map((entry) => ({ ...asObject(entry), created })) }),
  }
}

function mutateEnv(current: unknown, { env, removeEnv }: ConfigChanges): readonly string[] {
  const list: readonly unknown[] = Array.isArray(current) ? current : []
  const values = new Map(list.filter((item) => typeof item === 'string').map((item) => [nameOf(item), item]))
  for (const [name, value] of pairs('variable', env)) values.set(name, `${name}=${value}`)
  for (const name of removeEnv) values.delete(name)
  return [...values.values()]
}

function nameOf(variable: string): string {
  return variable.slice(0, Math.max(0, variable.indexOf('=')))
}

function pairs(what: string, texts: readonly string[]): readonly (readonly [string, string])[] {
  return texts.map((text) => {
    const equals = text.indexOf('=')
    if (equals < 1) throw new TsbuildError('USAGE', `Cannot set ${what} "${text}": expected NAME=VALUE`)
    return [text.slice(0, equals), text.slice(equals + 1)]
  })
}

function changed(
  current: Readonly<Record<string, unknown>>,
  added: readonly (readonly [string, string])[],
  removed: readonly string[],
): Readonly<Record<string, string>> {
  const entries = Object.entries({ ...current, ...Object.fromEntries(added) }).filter(
    ([name]) => !removed.includes(name),
  )
  return Object.fromEntries(entries.map(([name, value]) => [name, String(value)]))
}

function portKey(port: string): string {
  if (!/^\d{1,5}(?:\/(?:tcp|udp|sctp))?$/.test(port))
    throw new TsbuildError('USAGE', `Cannot expose "${port}": expected PORT or PORT/tcp, /udp, /sctp`)
  return port.includes('/') ? port : `${port}/tcp`
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : {}
}
