import type { CommandEntry } from '../command.ts'

export const imageCommands: readonly CommandEntry[] = [
  {
    name: 'pull',
    also: ['image pull'],
    group: 'Images',
    summary: 'Bring an image from a registry into the store',
    load: () => import('../commands/pull.ts'),
  },
  {
    name: 'push',
    also: ['image push'],
    group: 'Images',
    summary: 'Bring images of the store to a registry',
    load: () => import('../commands/push.ts'),
  },
  {
    name: 'images',
    also: ['image ls', 'image list'],
    group: 'Images',
    summary: 'List images',
    load: () => import('../commands/images.ts'),
  },
  {
    name: 'tag',
    also: ['image tag'],
    group: 'Images',
    summary: 'Give an image further names',
    load: () => import('../commands/tag.ts'),
  },
  {
    name: 'rmi',
    also: ['image rm', 'image remove'],
    group: 'Images',
    summary: 'Remove names and images',
    load: () => import('../commands/rmi.ts'),
  },
  {
    name: 'history',
    also: ['image history'],
    group: 'Images',
    summary: 'Show the steps that made an image',
    load: () => import('../commands/history.ts'),
  },
  {
    name: 'image inspect',
    group: 'Images',
    summary: 'Show everything about images',
    load: () => import('../commands/image-inspect.ts'),
  },
  {
    name: 'image prune',
    group: 'Images',
    summary: 'Remove images that nobody uses',
    load: () => import('../commands/image-prune.ts'),
  },
  {
    name: 'save',
    also: ['image save'],
    group: 'Images',
    summary: 'Write images into an archive or layout',
    load: () => import('../commands/save.ts'),
  },
  {
    name: 'import',
    also: ['image import'],
    group: 'Images',
    summary: 'Make an image of a tar of files',
    load: () => import('../commands/import.ts'),
  },
  {
    name: 'load',
    also: ['image load'],
    group: 'Images',
    summary: 'Bring the images of an archive or layout into the store',
    load: () => import('../commands/load.ts'),
  },
]
