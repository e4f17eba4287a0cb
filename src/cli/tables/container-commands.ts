import type { CommandEntry } from '../command.ts'

export const containerCommands: readonly CommandEntry[] = []
