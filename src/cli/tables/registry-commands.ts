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
]
