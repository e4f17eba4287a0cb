import { shortId } from './container-id.ts'
import type { Container } from './container-records.ts'

export const journalSocket = '/run/systemd/journal/socket'

/** Field by which the entries of one container are found in the journal. */
export const idField = 'CONTAINER_ID_FULL'

/** Beside message and priority, what each entry of the journal says about its container: docker's fields. Pure. */
export function journalFields(container: Container): readonly string[] {
  const { id, name, spec } = container
  const { options } = spec.log
  const tag = filled(options['tag'] ?? '{{.ID}}', container)
  const chosen = [
    ...listed(options['labels']).map((key) => [key, spec.labels[key]] as const),
    ...listed(options['env']).map((key) => [key, variable(spec.process.env, key)] as const),
  ]
  return [
    `CONTAINER_ID=${shortId(id)}`,
    `${idField}=${id}`,
    `CONTAINER_NAME=${name}`,
    `CONTAINER_TAG=${tag}`,
    `SYSLOG_IDENTIFIER=${tag}`,
    `IMAGE_NAME=${spec.image.name}`,
    ...chosen.flatMap(([key, value]) => (value === undefined ? [] : [`${fieldName(key)}=${value}`])),
  ]
}

function listed(option: string | undefined): readonly string[] {
  return (option ?? '').split(',').filter((word) => word !== '')
}

function variable(env: readonly string[], name: string): string | undefined {
  return env.find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1)
}

/** Names of the journal: capitals, digits and `_`, not beginning with what it keeps for itself. */
function fieldName(key: string): string {
  return key
    .toUpperCase()
    .replaceAll(/[^A-Z0-9_]/g, '_')
    .replace(/^[_\d]+/, '')
}

function filled(template: string, { id, name, spec }: Container): string {
  const values: Readonly<Record<string, string>> = {
    ID: shortId(id),
    FullID: id,
    Name: name,
    ImageName: spec.image.name,
    ImageFullID: spec.image.id,
  }
  return template.replaceAll(/\{\{\s*\.(\w+)\s*\}\}/g, (whole, key: string) => values[key] ?? whole)
}
