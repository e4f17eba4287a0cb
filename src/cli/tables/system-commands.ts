import type { CommandEntry } from '../command.ts'

export const systemCommands: readonly CommandEntry[] = [
  {
    name: 'version',
    group: 'System',
    summary: 'Show the versions of tsbuild, its native core and Node',
    load: () => import('../commands/version.ts'),
  },
  {
    name: 'info',
    also: ['system info'],
    group: 'System',
    summary: 'Show the store, the machine and how registries are set up',
    load: () => import('../commands/info.ts'),
  },
  {
    name: 'system df',
    group: 'System',
    summary: 'Show how much of the disk images, containers, volumes and build cache take',
    load: () => import('../commands/system-df.ts'),
  },
  {
    name: 'system start',
    group: 'System',
    summary: 'Start the containers that should run, as at boot',
    load: () => import('../commands/system-start.ts'),
  },
  {
    name: 'system install-units',
    group: 'System',
    summary: 'Let systemd start containers with a restart policy at boot',
    load: () => import('../commands/system-install-units.ts'),
  },
  {
    name: 'system prune',
    group: 'System',
    summary: 'Remove everything that is not used',
    load: () => import('../commands/system-prune.ts'),
  },
  {
    name: 'doctor',
    group: 'System',
    summary: 'Check what this machine allows, and say how to get the rest',
    load: () => import('../commands/doctor.ts'),
  },
  {
    name: 'completion',
    group: 'System',
    summary: 'Print a script that completes commands in a shell',
    load: () => import('../commands/completion.ts'),
  },
  {
    name: '__complete',
    group: 'System',
    summary: 'Complete a command line',
    hidden: true,
    load: () => import('../commands/complete.ts'),
  },
]
