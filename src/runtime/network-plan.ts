/** How a process is connected, as the plans `sandbox` and `monitor` carry it (docs/native-core.md, "network"). */
export type NetworkPlan =
  | { readonly mode: 'none' }
  | { readonly mode: 'host' }
  /** Joins a network namespace, such as /proc/123/ns/net. */
  | { readonly mode: 'path'; readonly path: string }
  | { readonly mode: 'bridge'; readonly interfaces: readonly InterfacePlan[]; readonly ports: readonly PortPlan[] }
  | { readonly mode: 'pasta'; readonly ports: readonly PortPlan[] }

export interface InterfacePlan {
  readonly name: string
  readonly bridge: {
    readonly name: string
    /** The gateway's addresses with prefix length. */
    readonly addresses: readonly string[]
    readonly mtu: number
    readonly internal: boolean
    readonly masquerade: boolean
  }
  readonly addresses: readonly string[]
  readonly mac: string
  readonly gateway: string | null
  readonly routes: readonly unknown[]
}

export interface PortPlan {
  readonly proto: 'tcp' | 'udp'
  readonly hostIp: string
  readonly hostPort: number
  readonly address: string
  readonly port: number
}
