import type { NetworkPlan } from '../runtime/network-plan.ts'
import type { EtcFiles } from '../runtime/sandbox.ts'
import type { Container } from './container-records.ts'
import type { PublishedPort } from './container-spec.ts'

/** What a start gets from the networks that a container joins. */
export interface JoinedNetwork {
  readonly plan: NetworkPlan
  readonly etc: EtcFiles
}

/** A running container's place in one network. */
export interface JoinedEndpoint {
  readonly network: string
  readonly networkId: string
  readonly endpointId: string
  readonly address: string
  readonly prefixLength: number
  readonly gateway: string
  readonly address6: string
  readonly prefixLength6: number
  readonly gateway6: string
  readonly mac: string
  readonly aliases: readonly string[]
  /** Every name under which the others know it. */
  readonly dnsNames: readonly string[]
}

/** The part of the network service that the life of a container needs. */
export interface ContainerNetworks {
  /** Checks that the networks exist that the container asks for. NETWORK_NOT_FOUND. */
  check(container: Pick<Container, 'spec'>): void
  /** Reserves addresses and ports and writes hosts, resolv.conf and hostname into `directory`. */
  join(container: Container, directory: string): Promise<JoinedNetwork>
  /** Gives the addresses back; nothing happens when there are none. */
  release(container: string): void
  endpoints(container: string): readonly JoinedEndpoint[]
  /** Published ports with the host ports that were chosen at the last start. */
  ports(container: Container): readonly PublishedPort[]
}
