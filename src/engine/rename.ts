import { TsbuildError } from '../base/errors.ts'
import { recordEvent } from '../container/container-events.ts'
import { checkName } from '../container/container-name.ts'
import type { Engine } from './engine.ts'

/** Gives a container another name. CONTAINER_NOT_FOUND, CONTAINER_EXISTS, USAGE for a malformed name. */
export function rename(engine: Engine, request: { readonly name: string; readonly newName: string }): void {
  const { records } = engine.containers
  const container = records.resolve(request.name)
  const name = checkName(request.newName)
  if (name === container.name) {
    throw new TsbuildError('USAGE', 'Renaming a container with the same name as its current name')
  }
  if (records.rename(container.id, name)) {
    recordEvent(engine.containers, { ...container, name }, 'rename', { oldName: `/${container.name}` })
    return
  }
  throw new TsbuildError(
    'CONTAINER_EXISTS',
    `Error when allocating new name: Conflict. The container name "/${name}" is already in use`,
    {
      hint: `Remove that container with "tsbuild rm ${name}", or choose another name`,
    },
  )
}
