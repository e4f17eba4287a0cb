import type { NetworkPlan } from '../runtime/network-plan.ts'
import type { EtcFiles } from '../runtime/sandbox.ts'
import type { Container } from './container-records.ts'

/** What a start gets from the networks that a container joins. */
export interface JoinedNetwork {
  readonly plan: NetworkPlan
  readonly etc: EtcFiles
}

/** The part of the network service that the life of a container needs. */
export interface ContainerNetworks {
  /** Checks that the networks exist that the container asks for. NETWORK_NOT_FOUND. */
  check(container: Pick<Container, 'spec'>): void
  /** Reserves addresses and ports and writes hosts, resolv.conf and hostname into `directory`. */
  join(container: Container, directory: string): Promise<JoinedNetwork>
  /** Gives the addresses back; nothing happens when there are none. */
  release(container: string): void
}
