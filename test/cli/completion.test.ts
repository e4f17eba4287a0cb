import { describe, expect, it } from 'vitest'
import { defineCommand } from '../../src/cli/command.ts'
import type { Command, CommandEntry } from '../../src/cli/command.ts'
import { complete } from '../../src/cli/completion.ts'

const run: Command = defineCommand({
  arguments: [
    { name: 'IMAGE', complete: 'image' },
    { name: 'ARG', optional: true, many: true },
  ],
  flags: {
    pull: { kind: 'string', choices: ['always', 'never'], help: 'When' },
    tty: { kind: 'boolean', short: 't', help: 'Terminal' },
    network: { kind: 'string', complete: 'network', help: 'Network' },
    'env-file': { kind: 'string', complete: 'file', help: 'File' },
    private: { kind: 'boolean', hidden: true, help: '' },
  },
  flagsFirst: true,
  run: () => Promise.resolve(0),
})
const entry = (name: string, ...also: readonly string[]): CommandEntry => ({
  name,
  also,
  group: 'System',
  summary: `About ${name}`,
  load: () => Promise.resolve({ command: run }),
})
const table = [
  entry('run', 'container run'),
  entry('rmi', 'image rm'),
  entry('volume create'),
  entry('imagetools create', 'buildx imagetools create'),
  { ...entry('__x'), hidden: true as const },
]
const names = (what: string): Promise<readonly string[]> =>
  Promise.resolve(what === 'image' ? ['alpine', 'busybox'] : ['bridge', 'host'])

async function words(...line: readonly string[]): Promise<readonly string[] | string> {
  const found = await complete(table, line, names)
  return found.kind === 'words' ? found.words.map(({ text }) => text) : found.kind
}

describe('complete', () => {
  it.for([
    [['r'], ['run', 'rmi']],
    [[''], ['run', 'rmi', 'container', 'image', 'volume', 'imagetools', 'buildx']],
    [['--ro'], ['--root']],
    [['container', ''], ['run']],
    [['volume', 'c'], ['create']],
    [['buildx', ''], ['imagetools']],
    [['buildx', 'imagetools', ''], ['create']],
    [['buildx', 'imagetools', 'create', '--pu'], ['--pull']],
    [
      ['run', '--'],
      ['--pull', '--tty', '--network', '--env-file'],
    ],
    [
      ['run', '--pull', ''],
      ['always', 'never'],
    ],
    [['run', '--pull=n'], ['--pull=never']],
    [['run', '-t', 'b'], ['busybox']],
    [['--root', '/x', 'run', 'a'], ['alpine']],
    [['run', '--network', 'h'], ['host']],
    [['run', '--env-file', ''], 'file'],
    [['run', 'alpine', '--'], []],
    [
      ['run', '--network', 'host', ''],
      ['alpine', 'busybox'],
    ],
  ] as const)('%j', async ([line, want]) => {
    expect(await words(...line)).toEqual(want)
  })
})
