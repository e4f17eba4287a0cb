import { TsbuildError } from '../base/errors.ts'

/** What the options of a bridge network say, by docker's names. */
export interface BridgeOptions {
  /** Of the interface on the host; undefined: one of ours. */
  readonly name: string | undefined
  readonly masquerade: boolean
  /** 0: the kernel's. */
  readonly mtu: number
  /** Containers of the network do not reach each other, except by published ports. */
  readonly isolated: boolean
  /** The host's firewall lets its packets pass. */
  readonly open: boolean
  /** Where ports are published that name no address; empty: everywhere. */
  readonly hostIp: string
  /** Of the interfaces inside: a number follows. */
  readonly interfacePrefix: string
}

/** NETWORK_INVALID for a value that makes no sense. Options that are not known are kept and mean nothing, as with docker. */
export function bridgeOptions(options: Readonly<Record<string, string>>): BridgeOptions {
  const bridge = (key: string): string | undefined => options[`com.docker.network.bridge.${key}`]
  return {
    name: checked('com.docker.network.bridge.name', bridge('name'), isInterfaceName),
    masquerade: bool('com.docker.network.bridge.enable_ip_masquerade', bridge('enable_ip_masquerade'), true),
    mtu: mtuOf(options['com.docker.network.driver.mtu'] ?? options['mtu']),
    isolated: !bool('com.docker.network.bridge.enable_icc', bridge('enable_icc'), true),
    open: openOf(options['tsbuild.firewall']),
    hostIp: bridge('host_binding_ipv4') ?? '',
    interfacePrefix:
      checked(
        'com.docker.network.container_iface_prefix',
        options['com.docker.network.container_iface_prefix'],
        (text) => isInterfaceName(`${text}000`),
      ) ?? 'eth',
  }
}

/** The kernel's rules: at most 15 bytes, no space, slash or colon. `%` is a pattern to it. */
function isInterfaceName(text: string): boolean {
  return /^[\x21-\x24\x26-\x2e\x30-\x39\x3b-\x7e]{1,15}$/.test(text) && text !== '.' && text !== '..'
}

function checked(key: string, text: string | undefined, fits: (text: string) => boolean): string | undefined {
  if (text === undefined || fits(text)) return text
  throw invalid(key, text, 'not an interface name of at most 15 characters')
}

function openOf(text: string | undefined): boolean {
  if (text === undefined || text === 'respect') return false
  if (text === 'open') return true
  throw invalid('tsbuild.firewall', text, 'neither "respect" nor "open"')
}

function mtuOf(text: string | undefined): number {
  if (text === undefined) return 0
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535 && (Number(text) === 0 || Number(text) >= 68))
    return Number(text)
  throw invalid('com.docker.network.driver.mtu', text, 'not a number from 68 to 65535')
}

function bool(key: string, text: string | undefined, otherwise: boolean): boolean {
  if (text === undefined) return otherwise
  if (/^(1|t|true)$/i.test(text)) return true
  if (/^(0|f|false)$/i.test(text)) return false
  throw invalid(key, text, 'neither true nor false')
}

function invalid(key: string, text: string, why: string): TsbuildError {
  return new TsbuildError('NETWORK_INVALID', `invalid value "${text}" for the option ${key}: ${why}`)
}
