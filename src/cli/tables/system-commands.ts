import type { CommandEntry } from '../command.ts'

export const systemCommands: readonly CommandEntry[] = [
  {
    name: 'version',
    group: 'System',
    summary: 'Show the versions of tsbuild, its native core and Node',
    load: () => import('../commands/version.ts'),
  },
]
