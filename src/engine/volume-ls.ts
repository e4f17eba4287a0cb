import { TsbuildError } from '../base/errors.ts'
import { hasLabel } from '../container/container-filter.ts'
import type { Volume } from '../volume/volume-records.ts'
import type { Engine } from './engine.ts'

const keys = ['dangling', 'driver', 'label', 'name']

/** Volumes by name. `filters` are KEY=VALUE: dangling, driver, label, name. USAGE. */
export function volumeLs(engine: Engine, filters: readonly string[]): readonly Volume[] {
  const { records } = engine.volumes
  const tests = filters.map((word) => {
    const at = word.indexOf('=')
    const [key, value] = [word.slice(0, Math.max(at, 0)), word.slice(at + 1)]
    if (!keys.includes(key) || (key === 'dangling' && !/^(1|t|true|0|f|false)$/i.test(value))) {
      const shown = keys.includes(key) ? `${key}=[${value}]` : key || word
      throw new TsbuildError('USAGE', `invalid filter '${shown}'`, { hint: `Filters: ${keys.join(', ')}` })
    }
    return { key, value }
  })
  const fits = (volume: Volume, key: string, value: string): boolean => {
    switch (key) {
      case 'dangling':
        return (records.usersOf(volume.name).length === 0) === /^(1|t|true)$/i.test(value)
      case 'driver':
        return value === 'local'
      case 'label':
        return hasLabel(volume.labels, value)
      default:
        return volume.name.includes(value)
    }
  }
  return records.list().filter((volume) =>
    keys.every((key) => {
      const own = tests.filter((test) => test.key === key)
      return own.length === 0 || own[key === 'label' ? 'every' : 'some'](({ value }) => fits(volume, key, value))
    }),
  )
}
