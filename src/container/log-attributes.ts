import { shortId } from './container-id.ts'
import type { Container } from './container-records.ts'

/** The labels and variables that the logging options `labels`, `labels-regex`, `env` and `env-regex` name, as docker chooses them. Pure. */
export function chosenAttributes({ spec }: Container): readonly (readonly [string, string])[] {
  const { options } = spec.log
  const variables = spec.process.env.map((entry): readonly [string, string] => {
    const name = entry.split('=', 1)[0] ?? ''
    return [name, entry.slice(name.length + 1)]
  })
  return [
    ...chosen(Object.entries(spec.labels), options['labels'], options['labels-regex']),
    ...chosen(variables, options['env'], options['env-regex']),
  ]
}

/** What each line of a log file says beside the text: `attrs` of docker's json-file. Undefined when there is nothing to say. Pure. */
export function logAttributes(container: Container): Readonly<Record<string, string>> | undefined {
  const { tag } = container.spec.log.options
  const attributes = [
    ...chosenAttributes(container),
    ...(tag === undefined || tag === '' ? [] : [['tag', filledTag(tag, container)] as const]),
  ]
  return attributes.length === 0 ? undefined : Object.fromEntries(attributes)
}

/** The option `tag` with the container's own words in it. */
export function filledTag(template: string, { id, name, spec }: Container): string {
  const values: Readonly<Record<string, string>> = {
    ID: shortId(id),
    FullID: id,
    Name: name,
    ImageName: spec.image.name,
    ImageFullID: spec.image.id,
    ImageID: shortId(spec.image.id.replace(/^sha256:/, '')),
    DaemonName: 'tsbuild',
  }
  return template.replaceAll(/\{\{\s*\.(\w+)\s*\}\}/g, (whole, key: string) => values[key] ?? whole)
}

function chosen(
  entries: readonly (readonly [string, string])[],
  names: string | undefined,
  pattern: string | undefined,
): readonly (readonly [string, string])[] {
  const listed = new Set((names ?? '').split(','))
  const matching = pattern === undefined || pattern === '' ? undefined : new RegExp(pattern, 'u')
  return entries.filter(([name]) => listed.has(name) || matching?.test(name) === true)
}
