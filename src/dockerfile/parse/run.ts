import type { Device, MountField, MountFlag, Word } from '../ast.ts'
import { quoted } from '../diagnostics.ts'
import { parseBool } from '../go-text.ts'
import { didYouMean, nearest } from '../nearest.ts'
import { readCommand } from './command.ts'
import { splitCsv } from './csv.ts'
import type { FlagValue } from './flags.ts'
import { checkFlags } from './flags.ts'
import type { Parts, Reader, Report } from './parts.ts'

const networks = ['default', 'none', 'host'] as const
const securities = ['sandbox', 'insecure'] as const

/** `RUN [--mount=…] [--network=…] [--security=…] [--device=…] command` */
export const readRun: Reader = (parts, _heredocs, report) => {
  const flags = checkFlags(parts, report)
  const mounts = flags.list('mount').map((value) => readMount(parts, value, report))
  const devices = flags.list('device').map((value) => readDevice(parts, value, report))
  const network = oneOf(flags.text('network'), 'network', networks, report)
  const security = oneOf(flags.text('security'), 'security', securities, report)
  const command = readCommand(parts, report)
  if (!flags.valid || network === undefined || security === undefined || command === undefined) return undefined
  if (mounts.includes(undefined) || devices.includes(undefined)) return undefined
  return {
    kind: 'run',
    command,
    mounts: mounts.filter((mount) => mount !== undefined),
    network,
    security,
    devices: devices.filter((device) => device !== undefined),
  }
}

function oneOf<T extends string>(
  word: Word | undefined,
  flag: string,
  allowed: readonly [T, ...T[]],
  report: Report,
): T | undefined {
  if (word === undefined) return allowed[0]
  const found = allowed.find((value) => value === word.text)
  if (found === undefined) {
    const hint = didYouMean(word.text, allowed) ?? `It is one of ${allowed.map(quoted).join(', ')}`
    report('FLAG_INVALID', `flag "--${flag}" has the invalid value ${quoted(word.text)}`, word.range, { hint })
  }
  return found
}

function readMount({ line }: Parts, { word, offset }: FlagValue, report: Report): MountFlag | undefined {
  const split = splitCsv(word.text)
  if (!split.ok) {
    report('MOUNT_INVALID', `flag "--mount" is malformed: ${split.problem.message}`, word.range, {
      hint: split.problem.hint,
    })
    return undefined
  }
  const fields = split.value.map(({ text, start, end }): MountField => {
    const range = line.range(offset(start), Math.max(offset(start), offset(end - 1) + 1))
    const equals = text.indexOf('=')
    if (equals === -1) return { key: text.toLowerCase(), range }
    const value = {
      text: text.slice(equals + 1),
      range: line.range(Math.min(offset(start + equals + 1), offset(end - 1) + 1), offset(end - 1) + 1),
    }
    return { key: text.slice(0, equals).toLowerCase(), value, range }
  })
  for (const { key, value } of fields) {
    const dollar = key === 'from' ? (value?.text.indexOf('$') ?? -1) : -1
    if (value === undefined || dollar === -1 || dollar === value.text.length - 1) continue
    const hint = `Add a stage "FROM ${value.text} AS name" at the top and mount "from=name"`
    report('EXPANSION_UNSUPPORTED', `mount key "from" does not expand variables: ${quoted(value.text)}`, value.range, {
      hint,
    })
    return undefined
  }
  return { fields, range: word.range }
}

function readDevice({ line }: Parts, { word, offset }: FlagValue, report: Report): Device | undefined {
  const split = splitCsv(word.text)
  if (!split.ok) {
    report('DEVICE_INVALID', `flag "--device" is malformed: ${split.problem.message}`, word.range, {
      hint: split.problem.hint,
    })
    return undefined
  }
  let name = ''
  let required = false
  for (const { text, start, end } of split.value) {
    const fail = (message: string, hint?: string): undefined => {
      report('DEVICE_INVALID', message, line.range(offset(start), offset(end - 1) + 1), { hint })
      return undefined
    }
    const equals = text.indexOf('=')
    const key = (equals === -1 ? text : text.slice(0, equals)).toLowerCase()
    const value = equals === -1 ? undefined : text.slice(equals + 1)
    if (key === 'required') {
      const parsed = value === undefined ? true : parseBool(value)
      if (parsed === undefined) return fail(`device key "required" has the invalid value ${quoted(value ?? '')}`)
      required = parsed
    } else if (key === 'name' && value !== undefined) {
      if (name !== '') return fail(`device name is given twice, "${name}" and ${quoted(value)}`)
      name = value
    } else if (name !== '') {
      const near = nearest(key, ['name', 'required'])
      return fail(
        `unknown device key ${quoted(key)}`,
        near === undefined ? 'Its keys are "name" and "required"' : `Did you mean "${near}"?`,
      )
    } else {
      // A CDI name holds an equals sign itself: vendor.com/class=name.
      name = text
    }
  }
  return { name, required }
}
