import { messageOf } from '../../base/errors.ts'
import { invalidFlag } from '../../base/flag-error.ts'
import type { LogConfig } from '../container-spec.ts'

/** Without bounds a talkative container fills the disk: five files of ten mebibytes are kept unless others are asked for. */
const defaultMaxSize = 10 * 1024 * 1024
const defaultMaxFiles = 5

const drivers = ['json-file', 'local', 'journald', 'none'] as const

/** What each line says beside its text. */
const accepted = ['labels', 'labels-regex', 'env', 'env-regex', 'tag']

/** Parses `--log-driver` and `--log-opt`. A max-size of -1 is unbounded. USAGE. */
export function parseLog(driver: string | undefined, options: readonly string[]): LogConfig {
  const known = drivers.find((name) => name === (driver ?? 'json-file'))
  if (known === undefined) {
    throw invalidFlag('--log-driver', String(driver), 'unknown logging driver', `Drivers: ${drivers.join(', ')}`)
  }
  let maxSize = defaultMaxSize
  let maxFiles = defaultMaxFiles
  let compress = known === 'local'
  const given: Record<string, string> = {}
  for (const option of options) {
    const at = option.indexOf('=')
    const [key, value] = at < 0 ? [option, ''] : [option.slice(0, at), option.slice(at + 1)]
    given[key] = value
    if (known === 'journald' && (key.startsWith('max-') || key === 'compress') && key !== 'max-buffer-size')
      throw unknownOption(option, key, known, 'tag, labels, env')
    if (key === 'max-size') maxSize = parseSize(option, value)
    else if (key === 'max-file') maxFiles = parseCount(option, value)
    else if (key === 'compress') compress = parseSwitch(option, value)
    else if (key === 'mode') checkMode(option, value)
    else if (key === 'max-buffer-size') parseSize(option, value)
    else if (key.endsWith('-regex')) checkPattern(option, value)
    else if (!accepted.includes(key)) {
      throw unknownOption(option, key, known, 'max-size, max-file, compress, tag, labels, env')
    }
  }
  if (given['compress'] !== undefined && compress && (maxFiles < 2 || maxSize === 0)) {
    const why = 'compress cannot be true when max-file is less than 2 or max-size is not set'
    throw invalidFlag('--log-opt', `compress=${given['compress']}`, why)
  }
  return { driver: known, maxSize, maxFiles, compress: compress && known !== 'none', options: given }
}

function unknownOption(option: string, key: string, driver: string, known: string): Error {
  return invalidFlag('--log-opt', option, `unknown log opt '${key}' for ${driver} log driver`, `Options: ${known}`)
}

/** Lines go to a file or a socket that never waits for a reader, so both modes are one. */
function checkMode(option: string, text: string): void {
  if (text === 'blocking' || text === 'non-blocking') return
  throw invalidFlag('--log-opt', option, `logging mode not supported: ${text}`, 'Modes: blocking, non-blocking')
}

function checkPattern(option: string, text: string): void {
  try {
    RegExp(text, 'u')
  } catch (error) {
    throw invalidFlag('--log-opt', option, messageOf(error))
  }
}

function parseSwitch(option: string, text: string): boolean {
  if (/^(1|t|true)$/i.test(text)) return true
  if (/^(0|f|false)$/i.test(text)) return false
  throw invalidFlag('--log-opt', option, `"${text}" is neither true nor false`)
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
