import { shortId } from './container-id.ts'
import type { Container } from './container-records.ts'
import { chosenAttributes, filledTag } from './log-attributes.ts'

export const journalSocket = '/run/systemd/journal/socket'

/** Field by which the entries of one container are found in the journal. */
export const idField = 'CONTAINER_ID_FULL'

/** Beside message and priority, what each entry of the journal says about its container: docker's fields. Pure. */
export function journalFields(container: Container): readonly string[] {
  const { id, name, spec } = container
  const { options } = spec.log
  const tag = filledTag(options['tag'] ?? '{{.ID}}', container)
  return [
    `CONTAINER_ID=${shortId(id)}`,
    `${idField}=${id}`,
    `CONTAINER_NAME=${name}`,
    `CONTAINER_TAG=${tag}`,
    `SYSLOG_IDENTIFIER=${tag}`,
    `IMAGE_NAME=${spec.image.name}`,
    ...chosenAttributes(container).map(([key, value]) => `${fieldName(key)}=${value}`),
  ]
}

/** Names of the journal: capitals, digits and `_`, not beginning with what it keeps for itself. */
function fieldName(key: string): string {
  return key
    .toUpperCase()
    .replaceAll(/[^A-Z0-9_]/g, '_')
    .replace(/^[_\d]+/, '')
}
