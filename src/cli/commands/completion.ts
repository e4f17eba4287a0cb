import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'
import { completionScripts, shells } from '../completion-scripts.ts'
import { TsbuildError } from '../../base/errors.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'SHELL' }],
  flags: {},
  details: `SHELL is ${shells.join(', ')}.`,
  examples: ['source <(tsbuild completion bash)', 'tsbuild completion fish > ~/.config/fish/completions/tsbuild.fish'],
  async run({ args: [shell] }, { terminal }) {
    const known = shells.find((name) => name === shell)
    if (known === undefined) {
      throw new TsbuildError('USAGE', `No completion for the shell "${shell}"`, {
        hint: `There is one for ${shells.join(', ')}`,
      })
    }
    terminal.print(completionScripts[known])
    return 0
  },
})
