import type { CommandEntry } from './command.ts'
import { buildCommands } from './tables/build-commands.ts'
import { containerCommands } from './tables/container-commands.ts'
import { imageCommands } from './tables/image-commands.ts'
import { registryCommands } from './tables/registry-commands.ts'
import { systemCommands } from './tables/system-commands.ts'

/** Every command. Help shows them in this order within their group. */
export const commandTable: readonly CommandEntry[] = [
  ...buildCommands,
  ...imageCommands,
  ...registryCommands,
  ...containerCommands,
  ...systemCommands,
]
