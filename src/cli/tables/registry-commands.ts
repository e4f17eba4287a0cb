import type { CommandEntry } from '../command.ts'

export const registryCommands: readonly CommandEntry[] = [
  {
    name: 'registry serve',
    group: 'Registries',
    summary: 'Serve the store to other machines as a registry',
    load: () => import('../commands/registry-serve.ts'),
  },
]
