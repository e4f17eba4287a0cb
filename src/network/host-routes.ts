import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { hasErrno } from '../base/errors.ts'
import { formatIp, parseRange } from './ip-range.ts'
import type { IpRange } from './ip-range.ts'

/**
 * IPv4 networks that the host can reach already, by its interfaces and routes; `except` names a bridge of ours. A default route is none. (Of IPv6 none is chosen
 * by us, and Node takes 4 ms for the first address of it that it looks at.)
 */
export function hostNetworks(except?: string): readonly IpRange[] {
  const ofInterfaces = Object.entries(networkInterfaces())
    .flatMap(([name, addresses]) => (name === except ? [] : (addresses ?? [])))
    .map(({ cidr, family }) => (cidr === null || family !== 'IPv4' ? undefined : parseRange(cidr)))
  return [...ofInterfaces, ...routes(except)].filter((range) => range !== undefined && range.prefix > 0) as IpRange[]
}

/** Lines of /proc/net/route: interface, destination and mask as little-endian hex. */
function routes(except: string | undefined): readonly (IpRange | undefined)[] {
  let text = ''
  try {
    text = readFileSync('/proc/net/route', 'utf8')
  } catch (error) {
    if (!hasErrno(error, 'ENOENT')) throw error
  }
  return text
    .split('\n')
    .slice(1)
    .map((line) => line.split('\t'))
    .filter(([name = '', destination = '']) => destination !== '' && name !== except)
    .map(([, destination = '', , , , , , mask = '']) => {
      const prefix = littleEndian(mask).toString(2).replaceAll('0', '').length
      return parseRange(`${formatIp({ bits: 32, value: littleEndian(destination) })}/${prefix}`)
    })
}

function littleEndian(hex: string): bigint {
  return BigInt(Buffer.from(hex.padStart(8, '0'), 'hex').readUInt32LE())
}
