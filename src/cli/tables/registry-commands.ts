import type { CommandEntry } from '../command.ts'

export const registryCommands: readonly CommandEntry[] = [
  {
    name: 'login',
    group: 'Registries',
    summary: 'Log in to a registry',
    load: () => import('../commands/login.ts'),
  },
  {
    name: 'logout',
    group: 'Registries',
    summary: 'Forget the login to a registry',
    load: () => import('../commands/logout.ts'),
  },
  {
    name: 'search',
    group: 'Registries',
    summary: 'Look for images on Docker Hub or another registry',
    load: () => import('../commands/search.ts'),
  },
  {
    name: 'registry serve',
    group: 'Registries',
    summary: 'Serve the store to other machines as a registry',
    load: () => import('../commands/registry-serve.ts'),
  },
  {
    name: 'registry copy',
    also: ['registry cp'],
    group: 'Registries',
    summary: 'Copy images between registries, layouts, archives and the store',
    load: () => import('../commands/registry-copy.ts'),
  },
  {
    name: 'registry sync',
    group: 'Registries',
    summary: 'Copy many images as a file says',
    load: () => import('../commands/registry-sync.ts'),
  },
  {
    name: 'registry ls',
    also: ['registry tags'],
    group: 'Registries',
    summary: 'List the tags of a repository',
    load: () => import('../commands/registry-ls.ts'),
  },
  {
    name: 'registry catalog',
    group: 'Registries',
    summary: 'List the repositories of a registry',
    load: () => import('../commands/registry-catalog.ts'),
  },
  {
    name: 'registry digest',
    group: 'Registries',
    summary: 'Show the digest that a name points to',
    load: () => import('../commands/registry-digest.ts'),
  },
  {
    name: 'registry manifest',
    group: 'Registries',
    summary: 'Show a manifest as the registry holds it',
    load: () => import('../commands/registry-manifest.ts'),
  },
  {
    name: 'registry config',
    group: 'Registries',
    summary: 'Show the config of an image',
    load: () => import('../commands/registry-config.ts'),
  },
  {
    name: 'registry blob',
    group: 'Registries',
    summary: 'Read a blob',
    load: () => import('../commands/registry-blob.ts'),
  },
  {
    name: 'registry delete',
    also: ['registry rm'],
    group: 'Registries',
    summary: 'Delete manifests or tags',
    load: () => import('../commands/registry-delete.ts'),
  },
  {
    name: 'registry ratelimit',
    group: 'Registries',
    summary: 'Show how many pulls a registry still allows',
    load: () => import('../commands/registry-ratelimit.ts'),
  },
]
