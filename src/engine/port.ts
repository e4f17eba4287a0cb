import { TsbuildError } from '../base/errors.ts'
import type { PublishedPort } from '../container/container-spec.ts'
import { isLive } from '../container/container-state.ts'
import { settledByName } from '../container/settle.ts'
import type { Engine } from './engine.ts'

/** Published ports of a running container, or those of one container port. CONTAINER_CONFLICT when that port is not published. */
export async function port(
  engine: Engine,
  request: { readonly name: string; readonly port?: string },
): Promise<readonly PublishedPort[]> {
  const { container, state } = await settledByName(engine.containers, request.name)
  const ports = isLive(state) ? engine.containers.networks.ports(engine.containers.directory(container.id)) : []
  if (request.port === undefined) return ports
  const [number, proto = 'tcp'] = request.port.split('/')
  const found = ports.filter((entry) => entry.port === Number(number) && entry.proto === proto)
  if (found.length > 0) return found
  throw new TsbuildError('CONTAINER_CONFLICT', `no public port '${request.port}' published for ${request.name}`, {
    hint: `"tsbuild port ${request.name}" shows all of its ports`,
  })
}
