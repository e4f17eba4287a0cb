import type { PortProtocol } from '../network/network-plan.ts'
import type { Digest } from '../oci/digest.ts'
import type { Healthcheck, Platform } from '../oci/types.ts'
import type { DeviceSpec } from '../runtime/devices.ts'
import type { Limits } from '../runtime/resources.ts'
import type { OciDeviceRule, OciRlimit, OciSeccomp } from '../runtime/runtime-spec.ts'
import type { MountRequest } from '../volume/mount-request.ts'

/**
 * What a container is to be: the image's configuration with everything merged in that was asked for. It is stored with the
 * container and never looks at the image again, so a changed or removed tag does not change the container.
 */
export interface ContainerSpec {
  readonly image: ContainerImage
  readonly process: ContainerProcess
  readonly hostname: string
  readonly domainname: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  /** `80/tcp` */
  readonly exposed: readonly string[]
  readonly stopSignal: string | null
  /** Seconds between the stop signal and SIGKILL; -1 waits for ever. */
  readonly stopTimeout: number | null
  readonly healthcheck: Healthcheck | null
  readonly healthOnFailure: 'none' | 'kill' | 'restart' | 'stop'
  readonly restart: RestartPolicy
  readonly log: LogConfig
  readonly autoRemove: boolean
  readonly init: boolean
  readonly security: ContainerSecurity
  readonly limits: Limits
  readonly rlimits: readonly OciRlimit[]
  readonly devices: readonly DeviceSpec[]
  readonly deviceRules: readonly OciDeviceRule[]
  readonly sysctls: Readonly<Record<string, string>>
  readonly oomScoreAdj: number | null
  /** Bytes. */
  readonly shmSize: number
  /** Bytes that may be written into its root; absent: no bound. */
  readonly rootSize?: number
  readonly namespaces: {
    readonly pid: NamespaceMode
    /** `shareable`: one of its own that others may join. */
    readonly ipc: NamespaceMode | 'none' | 'shareable'
    readonly uts: 'own' | 'host'
    readonly cgroup: 'own' | 'host'
  }
  readonly cgroupParent: string | null
  readonly mounts: readonly MountRequest[]
  readonly network: ContainerNetwork
  readonly runtime: string | null
  readonly consoleSize: { readonly rows: number; readonly cols: number } | null
}

export interface ContainerImage {
  /** As the user named it; ps shows it. */
  readonly name: string
  readonly id: Digest
  readonly platform: Platform
}

export interface ContainerProcess {
  readonly entrypoint: readonly string[]
  readonly cmd: readonly string[]
  readonly env: readonly string[]
  readonly workdir: string
  readonly user: string
  readonly groups: readonly string[]
  readonly tty: boolean
  /** `open` keeps it open without a client, `once` closes it when the first client goes. */
  readonly stdin: 'none' | 'open' | 'once'
}

/** `container` joins that of another container, by its id. */
export type NamespaceMode = 'own' | 'host' | { readonly container: string }

export interface RestartPolicy {
  readonly policy: 'no' | 'on-failure' | 'always' | 'unless-stopped'
  /** 0 is no bound; only for on-failure. */
  readonly maxRetries: number
}

export interface LogConfig {
  readonly driver: 'json-file' | 'local' | 'none' | 'journald'
  /** Bytes after which the file is rotated. */
  readonly maxSize: number
  readonly maxFiles: number
  /** Absent: false. */
  readonly compress?: boolean
  /** As given, for inspect. */
  readonly options: Readonly<Record<string, string>>
}

export interface ContainerSecurity {
  readonly privileged: boolean
  readonly capAdd: readonly string[]
  readonly capDrop: readonly string[]
  readonly readonlyRootfs: boolean
  readonly noNewPrivileges: boolean
  readonly systemPathsUnconfined: boolean
  /** null: the default filter. */
  readonly seccomp: 'unconfined' | OciSeccomp | null
  readonly apparmor: string | null
  /** As given, for inspect. */
  readonly options: readonly string[]
}

export interface ContainerNetwork {
  readonly mode: 'bridge' | 'host' | 'none' | { readonly container: string }
  /** Networks to join, by name, in order; the first one gives the default route. Empty unless mode is bridge. */
  readonly endpoints: readonly EndpointRequest[]
  readonly ports: readonly PublishedPort[]
  readonly publishAll: boolean
  readonly dns: readonly string[]
  readonly dnsSearch: readonly string[]
  readonly dnsOptions: readonly string[]
  /** `name:address`; the address may be `host-gateway`. */
  readonly extraHosts: readonly string[]
  /** Containers that are known by another name here. Records of before have none. */
  readonly links?: readonly ContainerLink[]
}

export interface ContainerLink {
  /** Id; a name in a request. */
  readonly container: string
  readonly alias: string
}

export interface EndpointRequest {
  readonly network: string
  readonly aliases: readonly string[]
  readonly ip: string | null
  readonly ip6: string | null
  readonly mac: string | null
}

export interface PublishedPort {
  readonly proto: PortProtocol
  readonly port: number
  /** Empty: every address of the host. */
  readonly hostIp: string
  /** 0: any free one. */
  readonly hostPort: number
  /** Any free one from hostPort to this. */
  readonly hostPortLast?: number
}

/** What runs: the entrypoint with the command as its arguments. */
export function argsOf(process: ContainerProcess): readonly string[] {
  return [...process.entrypoint, ...process.cmd]
}
