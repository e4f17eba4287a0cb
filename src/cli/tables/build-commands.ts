import type { CommandEntry } from '../command.ts'

export const buildCommands: readonly CommandEntry[] = []
