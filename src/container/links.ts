import { TsbuildError, hasCode } from '../base/errors.ts'
import type { HostsEntry } from '../network/etc-files.ts'
import { shortId } from './container-id.ts'
import type { Container } from './container-records.ts'
import type { ContainerLink } from './container-spec.ts'
import { isLive } from './container-state.ts'
import type { Containers } from './containers.ts'
import { linkEnv } from './link-env.ts'
import { settle } from './settle.ts'

/** A linked container that runs, with its address in a network that both are in. */
interface Linked {
  readonly alias: string
  readonly container: Container
  readonly address: string
  /** The network is the default one. */
  readonly isDefault: boolean
}

/** A link by the id of the container, so that a rename changes nothing. CONTAINER_NOT_FOUND. */
export function linkById(records: Containers['records'], { container, alias }: ContainerLink): ContainerLink {
  try {
    return { container: records.resolve(container).id, alias }
  } catch (error) {
    if (!hasCode(error, 'CONTAINER_NOT_FOUND')) throw error
    throw new TsbuildError(error.code, `could not get container for ${container}: ${error.message}`, { cause: error })
  }
}

/** Lines of /etc/hosts for the containers that a container is linked to. */
export function linkHosts(containers: Containers, container: Container): readonly HostsEntry[] {
  return linked(containers, container).map(({ alias, address, container: { id, name, spec } }) => {
    const own = spec.hostname === shortId(id) ? shortId(id) : spec.hostname
    return { address, names: [...new Set([alias, own, name])] }
  })
}

/** Variables for the links in the default network; others are found by name alone. */
export function linkVariables(containers: Containers, container: Container): readonly string[] {
  return linked(containers, container)
    .filter(({ isDefault }) => isDefault)
    .flatMap(({ alias, address, container: { spec } }) =>
      linkEnv(container.name, { alias, address, exposed: spec.exposed, env: spec.process.env }),
    )
}

/** What a container is linked to in the default network must run before it. CONTAINER_CONFLICT. */
export async function checkLinks(containers: Containers, container: Container): Promise<void> {
  const { links = [], endpoints } = container.spec.network
  const isDefault = endpoints.some(({ network }) => network === 'bridge')
  if (links.length > 0 && isDefault && endpoints.length === 1 && containers.rootless) {
    throw new TsbuildError(
      'CONTAINER_CONFLICT',
      'Cannot link containers of the default network without root: they are on no common network',
      {
        hint: 'Make a network with "tsbuild network create NAME" and start both with --network NAME',
      },
    )
  }
  for (const { container: id, alias } of links) {
    const target = containers.records.byId(id)
    const settled = target === undefined ? undefined : await settle(containers, target)
    const theirs = target?.spec.network.endpoints.map(({ network }) => network) ?? []
    // In a network of one's own the other one may come later.
    const isShared = endpoints.some(({ network }) => network !== 'bridge' && theirs.includes(network))
    if (!isDefault || isShared) continue
    if (target === undefined || settled === undefined || !isLive(settled.state)) {
      const name = target?.name ?? shortId(id)
      throw new TsbuildError(
        'CONTAINER_CONFLICT',
        `Cannot link to a non running container: /${name} AS /${container.name}/${alias}`,
        { hint: target === undefined ? 'The container was removed: make this one anew' : `tsbuild start ${name}` },
      )
    }
    if (!theirs.includes('bridge'))
      throw new TsbuildError('CONTAINER_CONFLICT', `container ${target.id} not attached to default bridge network`)
  }
}

/** A container that started may have another address: those that are linked to it and run are told. */
export async function tellLinking(containers: Containers, { id }: Container): Promise<void> {
  for (const other of containers.records.linkingTo(id)) {
    const settled = await settle(containers, other)
    if (settled === undefined || !isLive(settled.state)) continue
    containers.networks.refresh(other, containers.directory(other.id), () => linkHosts(containers, other))
  }
}

/** As docker shows them: `/TARGET:/NAME/ALIAS`. */
export function linkTexts({ records }: Pick<Containers, 'records'>, { name, spec }: Container): readonly string[] {
  return (spec.network.links ?? []).flatMap(({ container, alias }) => {
    const target = records.byId(container)
    return target === undefined ? [] : [`/${target.name}:/${name}/${alias}`]
  })
}

function linked({ records, networks }: Containers, { id, spec }: Container): readonly Linked[] {
  const { links = [] } = spec.network
  const own = links.length === 0 ? [] : networks.endpoints(id)
  return links.flatMap(({ container: target, alias }: ContainerLink) => {
    const container = records.byId(target)
    const met = networks
      .endpoints(target)
      .find(({ network }) => own.some(({ network: { id: ours } }) => ours === network.id))
    if (container === undefined || met === undefined) return []
    const address = met.endpoint.address || met.endpoint.address6
    return [{ alias, container, address, isDefault: met.network.name === 'bridge' }]
  })
}
