import { builderFlag } from '../build/builder-flag.ts'
import { defineCommand } from '../command.ts'
import type { Command, Flag } from '../command.ts'

const text: Flag = { kind: 'string', hidden: true, help: 'Accepted for docker' }
const texts: Flag = { ...text, repeat: true }
const choice: Flag = { kind: 'boolean', hidden: true, help: 'Accepted for docker' }

/** What CI systems do before they build. There is nothing to create: the one builder is always there. */
export const command: Command = defineCommand({
  arguments: [{ name: 'ENDPOINT', optional: true }],
  flags: {
    name: { kind: 'string', value: 'NAME', help: 'Name that is printed' },
    use: choice,
    append: choice,
    leave: choice,
    bootstrap: choice,
    node: text,
    driver: text,
    'driver-opt': texts,
    platform: texts,
    'buildkitd-flags': text,
    'buildkitd-config': { ...text, also: ['config'] },
    ...builderFlag,
  },
  details: 'tsbuild needs no builder instances. This is accepted so that pipelines made for docker buildx work.',
  async run({ flags }, { terminal }) {
    terminal.printLine(flags.name ?? 'tsbuild')
    return 0
  },
})
