import type { CommandEntry } from '../command.ts'

export const imageCommands: readonly CommandEntry[] = []
