import type { LogConfig } from '../container-spec.ts'
import { invalidFlag } from './flag-error.ts'

/** Without bounds a talkative container fills the disk: five files of ten mebibytes are kept unless others are asked for. */
const defaultMaxSize = 10 * 1024 * 1024
const defaultMaxFiles = 5

const drivers = ['json-file', 'local', 'journald', 'none'] as const

/** Options that change nothing here but are common in scripts: they only matter to what reads the log elsewhere. */
const accepted = ['compress', 'labels', 'labels-regex', 'env', 'env-regex', 'tag', 'mode', 'max-buffer-size']

/** Parses `--log-driver` and `--log-opt`. A max-size of -1 is unbounded. USAGE. */
export function parseLog(driver: string | undefined, options: readonly string[]): LogConfig {
  const known = drivers.find((name) => name === (driver ?? 'json-file'))
  if (known === undefined) {
    throw invalidFlag('--log-driver', String(driver), 'unknown logging driver', `Drivers: ${drivers.join(', ')}`)
  }
  let maxSize = defaultMaxSize
  let maxFiles = defaultMaxFiles
  const given: Record<string, string> = {}
  for (const option of options) {
    const at = option.indexOf('=')
    const [key, value] = at < 0 ? [option, ''] : [option.slice(0, at), option.slice(at + 1)]
    given[key] = value
    if (known === 'journald' && key.startsWith('max-')) throw unknownOption(option, key, known, 'tag, labels, env')
    if (key === 'max-size') maxSize = parseSize(option, value)
    else if (key === 'max-file') maxFiles = parseCount(option, value)
    else if (!accepted.includes(key)) {
      throw unknownOption(option, key, known, 'max-size, max-file')
    }
  }
  return { driver: known, maxSize, maxFiles, options: given }
}

function unknownOption(option: string, key: string, driver: string, known: string): Error {
  return invalidFlag('--log-opt', option, `unknown log opt '${key}' for ${driver} log driver`, `Options: ${known}`)
}

function parseSize(option: string, text: string): number {
  if (text === '-1') return 0
  const match = /^(\d+)([kmg]?)b?$/i.exec(text)
  if (match === null) throw invalidFlag('--log-opt', option, 'expected a size such as 10m')
  return Number(match[1]) * 1024 ** ['', 'k', 'm', 'g'].indexOf((match[2] ?? '').toLowerCase())
}

function parseCount(option: string, text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw invalidFlag('--log-opt', option, 'expected a number of files of at least 1')
  return Number(text)
}
