import { isIPv4, isIPv6 } from 'node:net'
import { invalidFlag } from '../../base/flag-error.ts'
import { csvFields } from '../../volume/csv-fields.ts'
import type { ContainerNetwork, EndpointRequest } from '../container-spec.ts'

export interface NetworkFlags {
  readonly networks: readonly string[]
  readonly aliases: readonly string[]
  readonly ip: string | undefined
  readonly ip6: string | undefined
  readonly mac: string | undefined
}

/** The network that a container joins when none is named. */
export const defaultNetwork = 'bridge'

/** What `--network` and its companions say. `--network` may be docker's long form `name=…,alias=…,ip=…,ip6=…,mac-address=…`. USAGE. */
export function parseNetworks(flags: NetworkFlags): Pick<ContainerNetwork, 'mode' | 'endpoints'> {
  const names = flags.networks.length === 0 ? [defaultNetwork] : flags.networks
  const [first = ''] = names
  const alone = first === 'host' || first === 'none' || first.startsWith('container:')
  if (alone && names.length > 1) {
    throw invalidFlag('--network', first, 'it cannot be combined with other networks')
  }
  if (alone) {
    const unfit = [flags.aliases[0], flags.ip, flags.ip6, flags.mac].find((value) => value !== undefined)
    if (unfit !== undefined)
      throw invalidFlag('--network', first, `an address or alias ("${unfit}") needs a bridge network`)
    if (first === 'host' || first === 'none') return { mode: first, endpoints: [] }
    return { mode: { container: first.slice('container:'.length) }, endpoints: [] }
  }
  const endpoints = names.map((text, index) => endpointOf(text, index === 0 ? flags : undefined))
  return { mode: 'bridge', endpoints }
}

function endpointOf(text: string, common: NetworkFlags | undefined): EndpointRequest {
  const own = text.includes('=') ? longForm(text) : { network: text === 'default' ? defaultNetwork : text, aliases: [] }
  return {
    network: own.network,
    aliases: [...own.aliases, ...(common?.aliases ?? [])],
    ip: checkedAddress('--ip', own.ip ?? common?.ip, isIPv4),
    ip6: checkedAddress('--ip6', own.ip6 ?? common?.ip6, isIPv6),
    mac: checkedMac(own.mac ?? common?.mac),
  }
}

interface LongForm {
  readonly network: string
  readonly aliases: readonly string[]
  readonly ip?: string
  readonly ip6?: string
  readonly mac?: string
}

function longForm(text: string): LongForm {
  let form: LongForm = { network: '', aliases: [] }
  for (const field of csvFields(text) ?? []) {
    const at = field.indexOf('=')
    const [key, value] = [field.slice(0, at), field.slice(at + 1)]
    if (key === 'name') form = { ...form, network: value }
    else if (key === 'alias') form = { ...form, aliases: [...form.aliases, value] }
    else if (key === 'ip') form = { ...form, ip: value }
    else if (key === 'ip6') form = { ...form, ip6: value }
    else if (key === 'mac-address') form = { ...form, mac: value }
    else throw invalidFlag('--network', text, `invalid field ${key}`, 'Fields: name, alias, ip, ip6, mac-address')
  }
  if (form.network === '') throw invalidFlag('--network', text, 'network name is not specified')
  return form
}

function checkedAddress(flag: string, text: string | undefined, isAddress: (text: string) => boolean): string | null {
  if (text === undefined) return null
  if (isAddress(text)) return text
  throw invalidFlag(flag, text, 'not an IP address of that family')
}

function checkedMac(text: string | undefined): string | null {
  if (text === undefined) return null
  if (/^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i.test(text)) return text.toLowerCase().replaceAll('-', ':')
  throw invalidFlag('--mac-address', text, 'not a hardware address', 'For example 02:42:ac:11:00:05')
}
