import { describe, expect, it } from 'vitest'
import { TsbuildError } from '../../src/base/errors.ts'
import { defineCommand } from '../../src/cli/command.ts'
import type { Command } from '../../src/cli/command.ts'
import { parseCommandLine, usageOf } from '../../src/cli/parse.ts'

const runLike: Command = defineCommand({
  arguments: [{ name: 'IMAGE' }, { name: 'COMMAND', optional: true }, { name: 'ARG', optional: true, many: true }],
  flags: {
    interactive: { kind: 'boolean', short: 'i', help: '' },
    tty: { kind: 'boolean', short: 't', help: '' },
    publish: { kind: 'string', short: 'p', repeat: true, help: '' },
    memory: { kind: 'bytes', short: 'm', help: '' },
    'sig-proxy': { kind: 'boolean', default: true, help: '' },
    pull: { kind: 'string', choices: ['always', 'missing', 'never'], default: 'missing', bare: 'always', help: '' },
    'stop-timeout': { kind: 'integer', help: '' },
    network: { kind: 'string', also: ['net'], env: 'TEST_NETWORK', help: '' },
    'health-interval': { kind: 'duration', help: '' },
    secret: { kind: 'string', hidden: true, help: '' },
  },
  flagsFirst: true,
  run: () => Promise.resolve(0),
})

const imagesLike: Command = defineCommand({
  arguments: [{ name: 'NAME', optional: true }],
  flags: {
    quiet: { kind: 'boolean', short: 'q', help: '' },
    filter: { kind: 'string', short: 'f', repeat: true, help: '' },
  },
  run: () => Promise.resolve(0),
})

function parse(command: Command, words: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const parsed = parseCommandLine(command, words, { name: 'tsbuild test', env: (name) => env[name] })
  if (parsed.kind === 'help') throw new Error('help was asked for')
  return parsed.input
}

function failure(command: Command, words: readonly string[]): TsbuildError {
  try {
    parse(command, words)
  } catch (error) {
    if (error instanceof TsbuildError) return error
    throw error
  }
  throw new Error(`${words.join(' ')} was accepted`)
}

describe('flags', () => {
  it.for([
    [['-it', 'x'], { interactive: true, tty: true }],
    [['-i', '-t=false', 'x'], { interactive: true, tty: false }],
    [['--interactive=0', 'x'], { interactive: false }],
    [['--sig-proxy=false', 'x'], { 'sig-proxy': false }],
    [['x'], { 'sig-proxy': true, pull: 'missing', publish: [], memory: undefined, tty: false }],
    [
      ['-p', '80:80', '-p443:443', '--publish=1:1', '-itp', '2:2', 'x'],
      { publish: ['80:80', '443:443', '1:1', '2:2'], tty: true },
    ],
    [['-p=80:80', 'x'], { publish: ['80:80'] }],
    [['-it=false', 'x'], { interactive: true, tty: false }],
    [['-m', '512m', 'x'], { memory: 512 * 2 ** 20 }],
    [['--memory', '1.5g', 'x'], { memory: 1.5 * 2 ** 30 }],
    [['--memory', '-1', 'x'], { memory: -1 }],
    [['--pull', 'x'], { pull: 'always' }],
    [['--pull=never', 'x'], { pull: 'never' }],
    [['--stop-timeout', '-1', 'x'], { 'stop-timeout': -1 }],
    [['--net', 'host', 'x'], { network: 'host' }],
    [['--network', 'a', '--network', 'b', 'x'], { network: 'b' }],
    [['--health-interval', '1m30s', 'x'], { 'health-interval': 90_000 }],
    [['--health-interval', '250ms', 'x'], { 'health-interval': 250 }],
    [['--publish', '--odd', 'x'], { publish: ['--odd'] }],
  ] as const)('%j', ([words, want]) => {
    expect(parse(runLike, words).flags).toMatchObject(want)
  })

  it('a variable gives the value when the flag does not come', () => {
    const { flags, given } = parse(runLike, ['x'], { TEST_NETWORK: 'none' })
    expect(flags['network']).toBe('none')
    expect([...given]).toEqual(['network'])
    expect(parse(runLike, ['--network', 'host', 'x'], { TEST_NETWORK: 'none' }).flags['network']).toBe('host')
  })

  it('end at the first argument where the command says so', () => {
    const { args, flags } = parse(runLike, ['-i', 'busybox', 'sh', '-c', 'ls -t', '--', '--help'])
    expect(args).toEqual(['busybox', 'sh', '-c', 'ls -t', '--', '--help'])
    expect(flags['tty']).toBe(false)
  })

  it('may follow arguments elsewhere, until "--"', () => {
    expect(parse(imagesLike, ['name', '-q']).flags['quiet']).toBe(true)
    expect(parse(imagesLike, ['-q', '--', '-q'])).toMatchObject({ args: ['-q'] })
    expect(failure(imagesLike, ['--', '-q', '-q']).message).toBe('"tsbuild test" takes one argument: "-q" is too many')
  })

  it('--help wins over what is missing, but not over a flag of that name', () => {
    expect(parseCommandLine(runLike, ['--help'], { name: 'x', env: () => undefined }).kind).toBe('help')
    expect(parseCommandLine(runLike, ['-ih'], { name: 'x', env: () => undefined }).kind).toBe('help')
  })
})

describe('mistakes', () => {
  it.for([
    [['--netwrk', 'x', 'y'], 'Unknown flag "--netwrk" of "tsbuild test"', 'Did you mean --network?'],
    [['--secrt', 'x'], 'Unknown flag "--secrt" of "tsbuild test"', '"tsbuild test --help" lists the flags'],
    [['-netwrk', 'x'], 'Unknown flag "-netwrk" of "tsbuild test"', 'Did you mean --network?'],
    [['-x', 'y'], 'Unknown flag "-x" of "tsbuild test"', undefined],
    [['-p'], 'Flag "-p" of "tsbuild test" needs a value', undefined],
    [
      ['--memory', '12q', 'x'],
      'Flag "--memory" of "tsbuild test" has the value "12q": want a size such as 512m or 1.5GiB',
      undefined,
    ],
    [
      ['--stop-timeout', '1.5', 'x'],
      'Flag "--stop-timeout" of "tsbuild test" has the value "1.5": want a whole number',
      undefined,
    ],
    [['--tty=maybe', 'x'], 'Flag "--tty" of "tsbuild test" has the value "maybe": want true or false', undefined],
    [
      ['--health-interval', '5', 'x'],
      'Flag "--health-interval" of "tsbuild test" has the value "5": want a duration such as 10s or 1m30s',
      undefined,
    ],
    [
      ['--pull=alway', 'x'],
      'Flag "--pull" of "tsbuild test" has the value "alway": want one of always, missing, never',
      'Did you mean "always"?',
    ],
    [[], '"tsbuild test" needs an argument: IMAGE is missing', 'Usage: tsbuild test [flags] IMAGE [COMMAND] [ARG...]'],
  ] as const)('%j', ([words, message, hint]) => {
    const error = failure(runLike, words)
    expect(error.code).toBe('USAGE')
    expect(error.message).toBe(message)
    if (hint !== undefined) expect(error.hint).toBe(hint)
  })
})

it('usage says which arguments are optional and which repeat', () => {
  expect(usageOf(runLike)).toBe('[flags] IMAGE [COMMAND] [ARG...]')
  expect(usageOf(imagesLike)).toBe('[flags] [NAME]')
  const many = defineCommand({
    arguments: [{ name: 'CONTAINER', many: true }],
    flags: {},
    run: () => Promise.resolve(0),
  })
  expect(usageOf(many)).toBe('CONTAINER [CONTAINER...]')
})
