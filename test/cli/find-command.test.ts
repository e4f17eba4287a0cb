import { mkdtempSync, mkdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { TsbuildError } from '../../src/base/errors.ts'
import type { CommandEntry } from '../../src/cli/command.ts'
import { findCommand } from '../../src/cli/find-command.ts'

const entry = (name: string, ...also: readonly string[]): CommandEntry => ({
  name,
  also,
  group: 'System',
  summary: '',
  load: () => Promise.reject(new Error('not loaded to find a command')),
})
const table = [
  entry('build', 'image build', 'buildx build'),
  entry('images', 'image ls', 'image list'),
  entry('run', 'container run'),
  entry('ps', 'container ls'),
  entry('volume create'),
  entry('volume ls'),
]
const cwd = mkdtempSync(join(tmpdir(), 'tsbuild-find-'))
mkdirSync(join(cwd, 'imgs'))
afterAll(() => rmSync(cwd, { recursive: true }))

describe('findCommand', () => {
  it.for([
    ['run -it x', 'run', 'run', '-it x'],
    ['container run -it x', 'run', 'container run', '-it x'],
    ['image ls -q', 'images', 'image ls', '-q'],
    ['buildx build .', 'build', 'buildx build', '.'],
    ['volume create v', 'volume create', 'volume create', 'v'],
    ['-t x .', 'build', 'build', '-t x .'],
    ['.', 'build', 'build', '.'],
    ['-', 'build', 'build', '-'],
    ['imgs', 'build', 'build', 'imgs'],
    ['https://example.com/x.git#main:sub', 'build', 'build', 'https://example.com/x.git#main:sub'],
    ['git@github.com:a/b.git', 'build', 'build', 'git@github.com:a/b.git'],
  ] as const)('%s', ([line, name, typed, rest]) => {
    const target = findCommand(table, line.split(' '), cwd)
    expect(target).toMatchObject({ kind: 'command', typed, words: rest.split(' ') })
    expect(target.kind === 'command' && target.entry.name).toBe(name)
  })

  it.for([
    [[], ''],
    [['help'], ''],
    [['container'], 'container'],
    [['container', '--help'], 'container'],
    [['volume', 'help'], 'volume'],
    [['help', 'image'], 'image'],
  ] as const)('%j asks for help', ([words, group]) => {
    expect(findCommand(table, words, cwd)).toEqual({ kind: 'help', group })
  })

  it('help of a command asks the command', () => {
    expect(findCommand(table, ['help', 'container', 'run'], cwd)).toMatchObject({
      typed: 'container run',
      words: ['--help'],
    })
  })

  it.for([
    ['imges', 'Unknown command "imges"', 'Did you mean "tsbuild images"?'],
    ['rn', 'Unknown command "rn"', 'Did you mean "tsbuild run"?'],
    ['container rnu', 'Unknown command "container rnu"', 'Did you mean "tsbuild container run"?'],
    ['volume xyzzy', 'Unknown command "volume xyzzy"', '"tsbuild volume --help" lists the commands'],
    [
      'nowhere-near',
      'Unknown command "nowhere-near"',
      '"tsbuild --help" lists the commands; a build context must be an existing path',
    ],
  ] as const)('%s is unknown', ([line, message, hint]) => {
    const find = (): unknown => findCommand(table, line.split(' '), cwd)
    expect(find).toThrow(TsbuildError)
    try {
      find()
    } catch (error) {
      expect(error).toMatchObject({ code: 'COMMAND_UNKNOWN', message })
      expect((error as TsbuildError).hint).toBe(hint)
    }
  })
})
