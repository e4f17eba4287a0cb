import { TsbuildError } from '../../base/errors.ts'
import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'VOLUME', optional: true }],
  flags: {
    driver: { kind: 'string', short: 'd', value: 'DRIVER', default: 'local', help: 'Volume driver' },
    label: { kind: 'string', repeat: true, value: 'KEY=VALUE', help: 'Set a label' },
    name: { kind: 'string', value: 'NAME', help: 'Name of the volume', hidden: true },
    opt: {
      kind: 'string',
      short: 'o',
      repeat: true,
      value: 'KEY=VALUE',
      help: 'Option of the driver: type, device, o',
    },
  },
  examples: [
    'tsbuild volume create data',
    'tsbuild volume create -o type=nfs -o o=addr=10.0.0.2,rw -o device=:/export shared',
  ],
  async run({ flags, args: [name = flags.name] }, context) {
    if (flags.driver !== 'local') {
      throw new TsbuildError(
        'VOLUME_INVALID',
        `error looking up volume plugin ${flags.driver}: plugin "${flags.driver}" not found`,
        {
          hint: 'Only the driver "local" exists',
        },
      )
    }
    const { parsePairs } = await import('../../container/flags/env-flag.ts')
    const request = { labels: parsePairs(flags.label), options: parsePairs(flags.opt) }
    const engine = await context.openEngine()
    const { volumeCreate } = await import('../../engine/volume-create.ts')
    const volume = volumeCreate(engine, { ...request, ...(name === undefined ? {} : { name }) })
    context.terminal.printLine(volume.name)
    return 0
  },
})
