import { TsbuildError } from '../../base/errors.ts'
import { signalNumber } from '../../base/signals.ts'
import { readDevice, hostDevices, parseDeviceRule } from '../../container/flags/device-flag.ts'
import { parsePairs, readEnv, readPairs } from '../../container/flags/env-flag.ts'
import { parseExtraHost, parseHostname, parseNameServer } from '../../container/flags/host-flag.ts'
import { parseLink } from '../../container/flags/link-flag.ts'
import { parseLog } from '../../container/flags/log-flag.ts'
import { parseIpc, parseNamespace, parseOwnOrHost } from '../../container/flags/namespace-flag.ts'
import { parseNetworks } from '../../container/flags/network-flag.ts'
import { parseExpose, parsePublish } from '../../container/flags/publish-flag.ts'
import { parseRestart } from '../../container/flags/restart-flag.ts'
import { findRuntime } from '../../container/flags/runtime-flag.ts'
import { readSecurityOptions } from '../../container/flags/security-flag.ts'
import { parseSysctl } from '../../container/flags/sysctl-flag.ts'
import { parseUlimit } from '../../container/flags/ulimit-flag.ts'
import type { ContainerNetwork, ContainerSpec } from '../../container/container-spec.ts'
import type { NewContainer } from '../../container/new-container.ts'
import { capabilitySet } from '../../runtime/capabilities.ts'
import { defaultShmSize } from '../../runtime/default-mounts.ts'
import { parseMountFlag } from '../../volume/mount-flag.ts'
import type { MountRequest } from '../../volume/mount-request.ts'
import { parseTmpfsFlag } from '../../volume/tmpfs-flag.ts'
import { parseVolumeFlag } from '../../volume/volume-flag.ts'
import type { CommandContext, Input } from '../command.ts'
import type { containerFlags } from './container-flags.ts'
import { readHealthcheck } from './health-flags.ts'
import { refuseConflicts, refuseUnknown } from './refused-flags.ts'
import { readLimits, readRootSize } from './limit-flags.ts'

export type ContainerInput = Pick<Input<typeof containerFlags>, 'flags' | 'args'>

/** What `run` and `create` ask for, from their command line. Everything that can be wrong with it is found before anything is done. USAGE, FILE_UNREADABLE. */
export async function readContainerRequest(input: ContainerInput, context: CommandContext): Promise<NewContainer> {
  const { flags } = input
  const [imageName = '', ...args] = input.args
  const { settings, signal } = context
  refuseUnknown(flags)
  refuseConflicts(flags)
  const network = readNetwork(flags)
  const namespaces = {
    pid: parseNamespace('--pid', flags.pid),
    ipc: parseIpc(flags.ipc),
    uts: parseOwnOrHost('--uts', flags.uts),
    cgroup: parseOwnOrHost('--cgroupns', flags.cgroupns),
  }
  const shared = {
    network: typeof network.mode === 'object' || network.mode === 'host',
    ipc: namespaces.ipc === 'host',
  }
  const devices = flags.privileged ? await hostDevices() : (await Promise.all(flags.device.map(readDevice))).flat()
  const healthcheck = readHealthcheck(flags)
  const restart = parseRestart(flags.restart ?? 'no')
  if (network.mode === 'host' && network.ports.length > 0) {
    const text = 'Published ports are discarded when using host network mode'
    context.emit({ kind: 'notice', level: 'warning', text })
  }
  if (flags['stop-signal'] !== undefined) signalNumber(flags['stop-signal'])
  return {
    ...optional('name', flags.name),
    imageName,
    args,
    ...(flags.entrypoint === undefined ? {} : { entrypoint: flags.entrypoint === '' ? [] : [flags.entrypoint] }),
    env: await readEnv(flags['env-file'], flags.env, { env: settings.env, signal }),
    ...optional('workdir', checkedWorkdir(flags.workdir)),
    ...optional('user', flags.user),
    groups: flags['group-add'],
    tty: flags.tty,
    stdin: flags.interactive ? 'once' : 'none',
    ...optional('hostname', flags.hostname === undefined ? undefined : parseHostname(flags.hostname)),
    domainname: flags.domainname ?? '',
    labels: await readPairs(flags['label-file'], flags.label.map(checkedLabel), signal),
    annotations: parsePairs(flags.annotation),
    exposed: [...flags.expose.flatMap(parseExpose), ...network.ports.map(({ port, proto }) => `${port}/${proto}`)],
    ...optional('stopSignal', flags['stop-signal']),
    stopTimeout: flags['stop-timeout'] === undefined ? null : Math.max(-1, flags['stop-timeout']),
    ...optional('healthcheck', healthcheck),
    healthOnFailure: flags['health-on-failure'],
    restart,
    log: parseLog(flags['log-driver'], flags['log-opt']),
    autoRemove: flags.rm,
    init: flags.init,
    security: await readSecurity(flags, settings.platform.architecture, signal),
    limits: await readLimits(flags),
    rlimits: flags.ulimit.map(parseUlimit),
    devices,
    deviceRules: flags['device-cgroup-rule'].map(parseDeviceRule),
    sysctls: Object.fromEntries(flags.sysctl.map((text) => parseSysctl(text, shared))),
    oomScoreAdj: checkedOomScore(flags['oom-score-adj']) ?? null,
    shmSize: flags['shm-size'] ?? defaultShmSize,
    ...optional('rootSize', readRootSize(flags['storage-opt'])),
    namespaces,
    cgroupParent: flags['cgroup-parent'] ?? null,
    mounts: readMounts(flags, settings.cwd),
    volumesFrom: flags['volumes-from'],
    network,
    runtime: findRuntime(flags.runtime, settings.env('PATH')),
    consoleSize: consoleSize(flags.tty, context),
  }
}

type ContainerFlags = ContainerInput['flags']

function readNetwork(flags: ContainerFlags): ContainerNetwork {
  const { mode, endpoints } = parseNetworks({
    networks: flags.network,
    aliases: flags['network-alias'],
    ip: flags.ip,
    ip6: flags.ip6,
    mac: flags['mac-address'],
  })
  return {
    mode,
    endpoints,
    ports: flags.publish.flatMap(parsePublish),
    publishAll: flags['publish-all'],
    dns: flags.dns.map(parseNameServer),
    dnsSearch: flags['dns-search'],
    dnsOptions: flags['dns-option'],
    extraHosts: flags['add-host'].map(parseExtraHost),
    links: flags.link.map(parseLink),
  }
}

async function readSecurity(
  flags: ContainerFlags,
  architecture: string,
  signal: AbortSignal,
): Promise<ContainerSpec['security']> {
  const [capAdd, capDrop, options] = [flags['cap-add'], flags['cap-drop'], flags['security-opt']]
  const capabilities = capabilitySet({ privileged: flags.privileged, add: capAdd, drop: capDrop })
  return {
    privileged: flags.privileged,
    capAdd,
    capDrop,
    readonlyRootfs: flags['read-only'],
    ...(await readSecurityOptions(options, { architecture, capabilities, signal })),
    options,
  }
}

function readMounts(flags: ContainerFlags, cwd: string): readonly MountRequest[] {
  return [
    ...[...new Set(flags.volume)].map((text) => parseVolumeFlag(text, cwd)),
    ...flags.mount.map((text) => parseMountFlag(text, cwd)),
    ...flags.tmpfs.map(parseTmpfsFlag),
  ]
}

function checkedWorkdir(text: string | undefined): string | undefined {
  if (text === undefined || text.startsWith('/')) return text
  throw new TsbuildError('USAGE', `the working directory '${text}' is invalid, it needs to be an absolute path`)
}

function checkedLabel(text: string): string {
  if (!text.startsWith('=') && text !== '') return text
  throw new TsbuildError('USAGE', `invalid label '${text}': empty name`)
}

function checkedOomScore(score: number | undefined): number | undefined {
  if (score === undefined || (score >= -1000 && score <= 1000)) return score
  throw new TsbuildError('USAGE', `Invalid value ${score}, range for oom score adj is [-1000, 1000]`)
}

/** Only asked with `tty`: the stream of a stdout that may never be written to takes 2 ms to open. */
function consoleSize(tty: boolean, { terminal }: CommandContext): ContainerSpec['consoleSize'] {
  if (!tty) return null
  const { rows, columns } = terminal.stdout
  return rows !== undefined && columns !== undefined ? { rows, cols: columns } : null
}

function optional<K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [P in K]: V })
}
