import { TsbuildError } from '../base/errors.ts'
import { endpointWish } from '../container/container-networks.ts'
import type { Container } from '../container/container-records.ts'
import type { ContainerLink, EndpointRequest } from '../container/container-spec.ts'
import { isLive } from '../container/container-state.ts'
import { linkById, linkHosts } from '../container/links.ts'
import { connectMonitor } from '../container/monitor-client.ts'
import { claimedByName } from '../container/settle.ts'
import { recordNetworkEvent } from './network-events.ts'
import type { Engine, VerbContext } from './engine.ts'

export interface ConnectRequest {
  readonly network: string
  readonly container: string
  readonly aliases: readonly string[]
  readonly ip: string | null
  readonly ip6: string | null
  /** Containers by name. */
  readonly links: readonly ContainerLink[]
}

/** Puts a container into a further network; one that runs at once. NETWORK_NOT_FOUND, CONTAINER_NOT_FOUND, CONTAINER_CONFLICT, ADDRESS_TAKEN. */
export async function networkConnect(engine: Engine, request: ConnectRequest, context: VerbContext): Promise<void> {
  const { containers, networks } = engine
  const network = networks.get(request.network)
  using claimed = await claimedByName(containers, request.container, context.signal)
  const { container, state } = claimed
  const { mode, endpoints } = container.spec.network
  if (mode !== 'bridge' && mode !== 'none')
    throw conflict(
      `container sharing network namespace with another container or host cannot be connected to any other network`,
    )
  if (network.driver === 'host')
    throw conflict('cannot connect container to host network - container must be created in host network mode')
  if (network.driver !== 'bridge') throw conflict(`container cannot be connected to the network "${network.name}"`)
  if (endpoints.some(({ network: name }) => networks.get(name).id === network.id)) {
    throw conflict(`endpoint with name ${container.name} already exists in network ${network.name}`)
  }
  const { aliases, ip, ip6 } = request
  const wish: EndpointRequest = { network: network.name, aliases, ip, ip6, mac: null }
  const links = request.links.map((link) => linkById(containers.records, link))
  const changed = withLinks(withEndpoints(container, [...endpoints, wish]), links)
  containers.networks.check(changed)
  if (isLive(state)) {
    if (!containers.networks.canChange(container)) throw needsRestart(container)
    networks.attach(
      network,
      endpointWish(container, { network, request: wish, index: freeInterface(engine, container) }),
    )
    try {
      await tellMonitor(engine, changed)
    } catch (error) {
      networks.records.removeEndpoints(container.id, network.id)
      throw error
    }
  }
  containers.records.save(container.id, changed)
  recordNetworkEvent(engine, network, 'connect', container.id)
}

export interface DisconnectRequest {
  readonly network: string
  readonly container: string
  readonly force: boolean
}

/** Takes a container out of a network; one that runs at once. CONTAINER_CONFLICT when it is not in it. */
export async function networkDisconnect(
  engine: Engine,
  request: DisconnectRequest,
  context: VerbContext,
): Promise<void> {
  const { containers, networks } = engine
  const network = networks.get(request.network)
  using claimed = await claimedByName(containers, request.container, context.signal)
  const { container, state } = claimed
  const { mode, endpoints } = container.spec.network
  if (network.driver === 'host' && mode === 'host')
    throw conflict('cannot disconnect container from host network - container was created in host network mode')
  const rest = endpoints.filter(({ network: name }) => networks.get(name).id !== network.id)
  if (rest.length === endpoints.length) {
    throw conflict(`container ${container.id} is not connected to the network ${network.name}`)
  }
  const changed = withEndpoints(container, rest)
  networks.records.removeEndpoints(container.id, network.id)
  if (isLive(state)) await tellMonitor(engine, changed)
  containers.records.save(container.id, changed)
  recordNetworkEvent(engine, network, 'disconnect', container.id)
}

function withLinks(container: Container, links: readonly ContainerLink[]): Container {
  const { spec } = container
  return {
    ...container,
    spec: { ...spec, network: { ...spec.network, links: [...(spec.network.links ?? []), ...links] } },
  }
}

function withEndpoints(container: Container, endpoints: readonly EndpointRequest[]): Container {
  const { spec } = container
  const mode = spec.network.mode === 'none' ? 'bridge' : spec.network.mode
  return { ...container, spec: { ...spec, network: { ...spec.network, mode, endpoints } } }
}

/** The first number that no interface of the container has. */
function freeInterface({ networks }: Engine, { id }: Container): number {
  const used = new Set(networks.records.endpointsOf(id).map((endpoint) => /\d+$/.exec(endpoint.interface)?.[0]))
  let number = 0
  while (used.has(String(number))) number += 1
  return number
}

async function tellMonitor({ containers }: Engine, container: Container): Promise<void> {
  using client = await connectMonitor(containers.runDirectory(container.id))
  const network = containers.networks.refresh(container, containers.directory(container.id), () =>
    linkHosts(containers, container),
  )
  await client?.ask({ op: 'network', network })
}

/** An unprivileged user's container has the host's network carried into it, unless it was started with a network of the user's own. */
function needsRestart({ name }: Container): TsbuildError {
  return new TsbuildError(
    'CONTAINER_CONFLICT',
    `container ${name} was started in the default network of an unprivileged user and cannot be connected to another one while it runs`,
    { hint: `tsbuild stop ${name}, connect it, tsbuild start ${name}` },
  )
}

function conflict(message: string): TsbuildError {
  return new TsbuildError('CONTAINER_CONFLICT', message)
}
