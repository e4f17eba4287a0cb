import { TsbuildError } from '../../base/errors.ts'
import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [
    { name: 'CONTAINER', complete: 'running' },
    { name: 'COMMAND' },
    { name: 'ARG', optional: true, many: true },
  ],
  flagsFirst: true,
  flags: {
    detach: { kind: 'boolean', short: 'd', help: 'Run in the background' },
    'detach-keys': {
      kind: 'string',
      value: 'KEYS',
      hidden: true,
      help: 'Keys that detach',
      ignored: 'the process ends with its terminal',
    },
    env: { kind: 'string', short: 'e', repeat: true, value: 'NAME[=VALUE]', help: 'Set an environment variable' },
    'env-file': {
      kind: 'string',
      repeat: true,
      value: 'FILE',
      help: 'Read environment variables from a file',
      complete: 'file',
    },
    interactive: { kind: 'boolean', short: 'i', help: 'Keep stdin open' },
    privileged: { kind: 'boolean', help: 'Give the process all capabilities' },
    tty: { kind: 'boolean', short: 't', help: 'Give the process a terminal' },
    user: { kind: 'string', short: 'u', value: 'USER[:GROUP]', help: 'User of the process, by name or number' },
    workdir: { kind: 'string', short: 'w', value: 'DIRECTORY', help: 'Working directory of the process' },
  },
  examples: ['tsbuild exec -it web sh', 'tsbuild exec web nginx -s reload'],
  async run({ flags, args: [name = '', ...args] }, context) {
    if (flags.tty && flags.interactive && !flags.detach && context.terminal.stdin.isTTY !== true) {
      throw new TsbuildError('USAGE', 'the input device is not a TTY', {
        hint: 'Leave -t out, or run it in a terminal',
      })
    }
    const { readEnv } = await import('../../container/flags/env-flag.ts')
    const env = await readEnv(flags['env-file'], flags.env, { env: context.settings.env, signal: context.signal })
    const engine = await context.openEngine()
    const { exec } = await import('../../engine/exec.ts')
    return await exec(
      engine,
      {
        name,
        args,
        env,
        tty: flags.tty,
        detach: flags.detach,
        privileged: flags.privileged,
        stdio: [flags.interactive ? 'inherit' : 'ignore', 'inherit', 'inherit'],
        ...(flags.user === undefined ? {} : { user: flags.user }),
        ...(flags.workdir === undefined ? {} : { workdir: flags.workdir }),
      },
      context,
    )
  },
})
