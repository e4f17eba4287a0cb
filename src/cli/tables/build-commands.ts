import type { CommandEntry } from '../command.ts'

export const buildCommands: readonly CommandEntry[] = [
  {
    name: 'build',
    also: ['image build', 'buildx build', 'buildx b', 'builder build'],
    group: 'Build',
    summary: 'Build an image from a Dockerfile',
    load: () => import('../commands/build.ts'),
  },
  {
    name: 'check',
    group: 'Build',
    summary: 'Look for mistakes in Dockerfiles',
    load: () => import('../commands/check.ts'),
  },
  {
    name: 'explain',
    also: ['builds explain'],
    group: 'Build',
    summary: 'Say why the steps of a build ran',
    load: () => import('../commands/explain.ts'),
  },
  {
    name: 'builds ls',
    also: ['builds list'],
    group: 'Build',
    summary: 'List the builds that are remembered',
    load: () => import('../commands/builds-ls.ts'),
  },
  {
    name: 'builds inspect',
    group: 'Build',
    summary: 'Show everything about a build as JSON',
    load: () => import('../commands/builds-inspect.ts'),
  },
  {
    name: 'builds logs',
    group: 'Build',
    summary: 'Show what the steps of a build wrote',
    load: () => import('../commands/builds-logs.ts'),
  },
  {
    name: 'builds rm',
    group: 'Build',
    summary: 'Forget builds',
    load: () => import('../commands/builds-rm.ts'),
  },
  {
    name: 'builder du',
    also: ['buildx du'],
    group: 'Build',
    summary: 'Show what the build cache keeps on the disk',
    load: () => import('../commands/builder-du.ts'),
  },
  {
    name: 'builder prune',
    also: ['buildx prune'],
    group: 'Build',
    summary: 'Empty the build cache',
    load: () => import('../commands/builder-prune.ts'),
  },
]
