import { formatPlatform, parsePlatform } from '../../oci/platform.ts'
import type { Platform } from '../../oci/types.ts'
import { invalidFlag } from '../../base/flag-error.ts'

const scopes = ['manifest', 'index', 'manifest-descriptor', 'index-descriptor'] as const
type Scope = (typeof scopes)[number]

/** An annotation and where it goes: documents, or the descriptors that point to them. */
export interface Annotation {
  readonly scope: Scope
  /** Only the manifest of this platform. */
  readonly platform?: string
  readonly key: string
  readonly value: string
}

/** `--annotation [SCOPE[,SCOPE…][\[PLATFORM\]]:]KEY=VALUE`. USAGE. */
export function parseAnnotation(text: string, host: Platform): readonly Annotation[] {
  const match = /^(?:([a-z,-]+)(?:\[([^\]]+)\])?:)?([^=:]+(?::[^=:]*)*)=(.*)$/s.exec(text)
  if (match === null)
    throw invalidFlag(
      '--annotation',
      text,
      'expected KEY=VALUE',
      'For example --annotation org.opencontainers.image.title=web',
    )
  const [, given = 'manifest', platform, key = '', value = ''] = match
  return given
    .split(',')
    .map((scope) => annotationOf({ flag: '--annotation', text, host }, { scope, platform, key, value }))
}

/** The keys of `-o` that are annotations: `annotation.KEY`, `annotation-SCOPE.KEY`, `annotation-SCOPE[PLATFORM].KEY`. USAGE. */
export function outputAnnotations(
  text: string,
  values: ReadonlyMap<string, string>,
  host: Platform,
): readonly Annotation[] {
  return [...values].flatMap(([name, value]) => {
    const match = /^annotation(?:-([^[.]*))?(?:\[([^\]]+)\])?\.(.+)$/.exec(name)
    if (match === null) return []
    const [, scope = 'manifest', platform, key = ''] = match
    return [annotationOf({ flag: '--output', text, host }, { scope, platform, key, value })]
  })
}

interface Place {
  readonly flag: string
  readonly text: string
  readonly host: Platform
}

function annotationOf(
  { flag, text, host }: Place,
  {
    scope: name,
    platform,
    key,
    value,
  }: Readonly<Record<'scope' | 'key' | 'value', string>> & {
    readonly platform: string | undefined
  },
): Annotation {
  const scope = scopes.find((known) => known === name)
  if (scope === undefined) throw invalidFlag(flag, text, `unknown scope "${name}"`, `Scopes are ${scopes.join(', ')}`)
  return {
    scope,
    ...(platform === undefined ? {} : { platform: formatPlatform(parsePlatform(platform, host)) }),
    key,
    value,
  }
}

/** The annotations of one scope, for one platform. */
export function annotationsFor(
  annotations: readonly Annotation[],
  scope: Scope,
  platform?: Platform,
): Readonly<Record<string, string>> | undefined {
  const name = platform === undefined ? undefined : formatPlatform(platform)
  const own = annotations.filter(
    (each) => each.scope === scope && (each.platform === undefined || each.platform === name),
  )
  return own.length === 0 ? undefined : Object.fromEntries(own.map(({ key, value }) => [key, value]))
}
