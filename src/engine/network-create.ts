import { TsbuildError } from '../base/errors.ts'
import type { Network } from '../network/network-records.ts'
import { predefined } from '../network/network-service.ts'
import { subnetsFrom } from '../network/subnet-request.ts'
import type { SubnetWords } from '../network/subnet-request.ts'
import { recordNetworkEvent } from './network-events.ts'
import type { Engine } from './engine.ts'

export interface NetworkCreateRequest extends SubnetWords {
  readonly name: string
  readonly driver: string
  readonly internal: boolean
  readonly ipv4: boolean
  readonly ipv6: boolean
  readonly labels: Readonly<Record<string, string>>
  readonly options: Readonly<Record<string, string>>
}

/** Makes a network. NETWORK_EXISTS, NETWORK_INVALID, NETWORK_POOL_EMPTY. */
export function networkCreate(engine: Engine, request: NetworkCreateRequest): Network {
  const { name, internal, ipv4, labels, options } = request
  checkName(name)
  checkDriver(request.driver)
  const subnets = subnetsFrom(request)
  const ipv6 = request.ipv6 || subnets.some(({ subnet }) => subnet.includes(':'))
  if (!ipv4 && !ipv6) throw new TsbuildError('NETWORK_INVALID', 'IPv4 or IPv6 must be enabled', { hint: 'Add --ipv6' })
  const network = engine.networks.create({ name, driver: 'bridge', internal, labels, options, ipv4, ipv6, subnets })
  recordNetworkEvent(engine, network, 'create')
  return network
}

function checkName(name: string): void {
  if (predefined.some((one) => one === name)) {
    throw new TsbuildError('NETWORK_INVALID', `operation is not permitted on predefined ${name} network`, {
      hint: 'Choose another name',
    })
  }
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name)) return
  throw new TsbuildError('NETWORK_INVALID', `invalid network name "${name}"`, {
    hint: 'Names have letters, digits, "_", "." and "-", and start with a letter or digit',
  })
}

function checkDriver(driver: string): void {
  if (driver === 'bridge') return
  if (driver === 'host' || driver === 'null') {
    throw new TsbuildError('NETWORK_INVALID', `only one instance of "${driver}" network is allowed`, {
      hint: `Join it with --network ${driver === 'null' ? 'none' : driver}`,
    })
  }
  throw new TsbuildError('NETWORK_INVALID', `could not find a network driver named "${driver}"`, {
    hint: 'The driver is "bridge"',
  })
}
