import { builderFlag } from '../build/builder-flag.ts'
import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

const choice = { kind: 'boolean', hidden: true, help: 'Accepted for docker' } as const

export const command: Command = defineCommand({
  arguments: [{ name: 'NAME', optional: true, many: true }],
  flags: {
    force: { ...choice, short: 'f' },
    'keep-daemon': choice,
    'keep-state': choice,
    'all-inactive': choice,
    ...builderFlag,
  },
  details: 'tsbuild needs no builder instances: nothing is removed. "tsbuild builder prune" empties the build cache.',
  async run({ args }, { terminal }) {
    for (const name of args) terminal.printLine(`${name} removed`)
    return 0
  },
})
