import { TsbuildError } from '../../base/errors.ts'
import { builderFlag } from '../build/builder-flag.ts'
import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'BUILD', optional: true, many: true }],
  flags: { all: { kind: 'boolean', short: 'a', help: 'Forget all builds' }, ...builderFlag },
  async run({ flags, args }, context) {
    if (args.length === 0 && !flags.all) throw new TsbuildError('USAGE', '"tsbuild builds rm" needs a build, or --all')
    const { buildsRm } = await import('../../engine/builds-rm.ts')
    for (const id of await buildsRm(await context.openEngine(), args, flags.all)) context.terminal.printLine(id)
    return 0
  },
})
