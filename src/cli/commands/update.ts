import { TsbuildError } from '../../base/errors.ts'
import { containerFlags } from '../container/container-flags.ts'
import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'CONTAINER', many: true, complete: 'container' }],
  flags: {
    'blkio-weight': containerFlags['blkio-weight'],
    'cpu-period': containerFlags['cpu-period'],
    'cpu-quota': containerFlags['cpu-quota'],
    'cpu-rt-period': containerFlags['cpu-rt-period'],
    'cpu-rt-runtime': containerFlags['cpu-rt-runtime'],
    'cpu-shares': containerFlags['cpu-shares'],
    cpus: containerFlags.cpus,
    'cpuset-cpus': containerFlags['cpuset-cpus'],
    'cpuset-mems': containerFlags['cpuset-mems'],
    memory: containerFlags.memory,
    'memory-reservation': containerFlags['memory-reservation'],
    'memory-swap': containerFlags['memory-swap'],
    'pids-limit': containerFlags['pids-limit'],
    restart: containerFlags.restart,
  },
  async run({ flags, args, given }, context) {
    if (given.size === 0) throw new TsbuildError('USAGE', 'you must provide one or more flags when using this command')
    const { readUpdatableLimits } = await import('../container/limit-flags.ts')
    const { parseRestart } = await import('../../container/flags/restart-flag.ts')
    const limits = readUpdatableLimits(flags)
    const restart = flags.restart === undefined ? {} : { restart: parseRestart(flags.restart) }
    const engine = await context.openEngine()
    const { update } = await import('../../engine/update.ts')
    const { eachName } = await import('../container/each-name.ts')
    return await eachName(args, context, (name) => update(engine, { name, limits, ...restart }, context))
  },
})
