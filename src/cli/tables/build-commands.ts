import type { CommandEntry } from '../command.ts'

export const buildCommands: readonly CommandEntry[] = [
  {
    name: 'build',
    also: ['image build', 'buildx build', 'buildx b', 'builder build'],
    group: 'Build',
    summary: 'Build an image from a Dockerfile',
    load: () => import('../commands/build.ts'),
  },
]
