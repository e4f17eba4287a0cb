import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'
import { pullPolicies } from '../image/pull-policy.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'NAME[:TAG|@DIGEST]', complete: 'image' }],
  flags: {
    'all-tags': { kind: 'boolean', short: 'a', help: 'Pull every tag of the repository' },
    platform: {
      kind: 'string',
      value: 'OS/ARCH',
      help: 'Platform to pull of an image made for several',
      complete: 'platform',
    },
    policy: { kind: 'string', choices: pullPolicies, default: 'always', help: 'When the registry is asked' },
    quiet: { kind: 'boolean', short: 'q', help: 'Show the name only' },
    'disable-content-trust': {
      kind: 'boolean',
      default: true,
      hidden: true,
      help: 'Skip verification',
      ignored: 'there is no notary',
    },
  },
  examples: ['tsbuild pull debian:bookworm', 'tsbuild pull --platform linux/arm64 alpine'],
  async run({ flags, args: [name = ''] }, context) {
    const engine = await context.openEngine()
    const { pull } = await import('../../engine/pull.ts')
    const { openTransferProgress } = await import('../../ui/progress/progress.ts')
    const { formatReference } = await import('../../oci/reference.ts')
    using progress = await openTransferProgress(context.terminal, {
      direction: 'pull',
      stream: 'stdout',
      quiet: flags.quiet,
    })
    const platform = flags.platform === undefined ? {} : { platform: flags.platform }
    const pulled = await pull(
      engine,
      { name, allTags: flags['all-tags'], policy: flags.policy, ...platform },
      { signal: context.signal, emit: progress.emit },
    )
    progress[Symbol.dispose]()
    for (const { reference } of pulled) context.terminal.printLine(formatReference(reference))
    return 0
  },
})
