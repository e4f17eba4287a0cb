import { containerJson } from '../container/inspect/container-json.ts'
import { isLive } from '../container/container-state.ts'
import { linkTexts } from '../container/links.ts'
import { settledByName } from '../container/settle.ts'
import { containerSizes } from '../container/sizes.ts'
import type { Engine } from './engine.ts'

/** A container in docker's JSON. CONTAINER_NOT_FOUND, ID_AMBIGUOUS. */
export async function containerInspect(
  engine: Engine,
  request: { readonly name: string; readonly size: boolean },
): Promise<object> {
  const { containers } = engine
  const { container, state } = await settledByName(containers, request.name)
  const live = isLive(state)
  const [sizes] = request.size ? await containerSizes(containers, [container]) : []
  return containerJson(container, state, {
    directory: containers.directory(container.id),
    links: linkTexts(containers, container),
    endpoints: live ? containers.networks.endpoints(container.id) : [],
    ports: live ? containers.networks.ports(containers.directory(container.id)) : [],
    networkNamespace: live ? `/proc/${state.pid}/ns/net` : '',
    ...(sizes === undefined ? {} : { sizes }),
  })
}
