import type { Row } from './row.ts'
import { containerRows } from './rows-containers.ts'
import { imageRows } from './rows-images.ts'
import { registryRows } from './rows-registry.ts'
import { terminalRows } from './rows-terminal.ts'

/** Every row of the tutorials. */
export const rows: readonly Row[] = [...terminalRows, ...containerRows, ...imageRows, ...registryRows]

/** Numbers of the rows that are typed. */
export const typed: readonly number[] = rows
  .flatMap((row) => row.rows.split(', '))
  .map(Number)
  .toSorted((a, b) => a - b)
