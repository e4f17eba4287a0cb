import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [
    { name: 'SOURCE', complete: 'file' },
    { name: 'TARGET', complete: 'file' },
  ],
  flags: {
    archive: { kind: 'boolean', short: 'a', help: 'Keep the owners of what comes out of a container' },
    'follow-link': { kind: 'boolean', short: 'L', help: 'Copy what a symbolic link points to' },
    quiet: { kind: 'boolean', short: 'q', help: 'Say nothing of success' },
  },
  details:
    'SOURCE and TARGET are CONTAINER:PATH or a path of the host; both may be containers. "-" is a tar on stdin or stdout. What goes into a container keeps its ' +
    'numeric owners; what comes out belongs to you.',
  examples: [
    'tsbuild cp web:/etc/nginx/nginx.conf .',
    'tsbuild cp site/. web:/usr/share/nginx/html',
    'tsbuild cp one:/data two:/data',
  ],
  async run({ flags, args: [source = '', target = ''] }, context) {
    const engine = await context.openEngine()
    const { cp } = await import('../../engine/cp.ts')
    const { humanSize } = await import('../../ui/human.ts')
    const { terminal } = context
    const bytes = await cp(
      engine,
      {
        source,
        target,
        archive: flags.archive,
        followLink: flags['follow-link'],
        stdin: () => terminal.stdin,
        stdout: terminal.stdout,
      },
      context,
    )
    if (!flags.quiet && bytes !== undefined) terminal.say(`Successfully copied ${humanSize(bytes)} to ${target}`)
    return 0
  },
})
