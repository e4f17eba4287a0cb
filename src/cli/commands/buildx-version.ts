import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

/** The release of buildx whose flags and files `build` has: CI systems decide by it what they ask for. */
const followed = '0.29.1'

export const command: Command = defineCommand({
  arguments: [],
  flags: {},
  async run(_input, { terminal }) {
    const { version } = await import('../../base/version.ts')
    terminal.printLine(`github.com/docker/buildx v${followed} tsbuild-${version}`)
    return 0
  },
})
