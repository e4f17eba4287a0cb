import type { ParsedDockerfile } from '../ast.ts'
import type { LineLocation } from './location.ts'
import { alignColumns, lineLocation } from './location.ts'

/** One stage as `--call targets` lists it, in the JSON form of BuildKit's `frontend.targets`. */
export interface Target {
  readonly name?: string
  readonly default?: true
  readonly description?: string
  readonly base?: string
  readonly platform?: string
  readonly location: LineLocation
}

/** Lists the stages. Base and platform are as written. */
export function targets(parsed: ParsedDockerfile): { readonly targets: readonly Target[] } {
  const last = parsed.stages.length - 1
  return {
    targets: parsed.stages.map(({ index, name, description, from }) => ({
      ...(name !== undefined && { name }),
      ...(index === last && { default: true as const }),
      ...(description !== undefined && description !== '' && { description }),
      base: from.image.text,
      ...(from.platform && { platform: from.platform.text }),
      location: lineLocation(from.range),
    })),
  }
}

/** The list as `docker build --call targets` prints it. */
export function formatTargets(list: readonly Target[]): string {
  const label = ({ name = '', default: isDefault }: Target): string =>
    isDefault === true ? `${name} (default)`.trim() : name
  return alignColumns(
    [['TARGET', 'DESCRIPTION'], ...list.map((target) => [label(target), target.description ?? ''])],
    1,
  )
}
