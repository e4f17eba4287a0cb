import { builderFlag } from '../build/builder-flag.ts'
import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

const choice = { kind: 'boolean', hidden: true, help: 'Accepted for docker' } as const

/** `use`, `stop`, `install`: nothing has to be done. */
export const command: Command = defineCommand({
  arguments: [{ name: 'NAME', optional: true, many: true }],
  flags: { default: choice, global: choice, ...builderFlag },
  details: 'tsbuild needs no builder instances. This is accepted so that pipelines made for docker buildx work.',
  async run() {
    return 0
  },
})
