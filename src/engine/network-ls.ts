import { TsbuildError } from '../base/errors.ts'
import { hasLabel } from '../container/container-filter.ts'
import type { Network } from '../network/network-records.ts'
import { predefined } from '../network/network-service.ts'
import type { Engine } from './engine.ts'

const keys = ['dangling', 'driver', 'id', 'label', 'name', 'scope', 'type']

/** Networks by name. `filters` are KEY=VALUE. USAGE. */
export function networkLs(engine: Engine, filters: readonly string[]): readonly Network[] {
  const tests = filters.map((word) => {
    const at = word.indexOf('=')
    const [key, value] = [word.slice(0, Math.max(at, 0)), word.slice(at + 1)]
    if (
      !keys.includes(key) ||
      (key === 'dangling' && !/^(1|t|true|0|f|false)$/i.test(value)) ||
      (key === 'type' && !['builtin', 'custom'].includes(value))
    )
      throw new TsbuildError('USAGE', `invalid filter '${keys.includes(key) ? `${key}=[${value}]` : key || word}'`, {
        hint: `Filters: ${keys.join(', ')}`,
      })
    return { key, value }
  })
  const fits = (network: Network, key: string, value: string): boolean => {
    const builtin = predefined.some((name) => name === network.name)
    switch (key) {
      case 'dangling':
        return (
          (!builtin && engine.networks.records.endpointsIn(network.id).length === 0) === /^(1|t|true)$/i.test(value)
        )
      case 'driver':
        return network.driver === value
      case 'id':
        return network.id.startsWith(value)
      case 'label':
        return hasLabel(network.labels, value)
      case 'scope':
        return value === 'local'
      case 'type':
        return value === (builtin ? 'builtin' : 'custom')
      default:
        return network.name.includes(value)
    }
  }
  return engine.networks.list().filter((network) =>
    keys.every((key) => {
      const own = tests.filter((test) => test.key === key)
      return own.length === 0 || own[key === 'label' ? 'every' : 'some'](({ value }) => fits(network, key, value))
    }),
  )
}
