import { chmodSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { openCli, type Cli, type CliSetup } from '../helpers/tsbuild.ts'
import { hasSubIdTools, noUsers, openUnprivilegedCli } from '../helpers/unprivileged.ts'

/** Who may be attacked here: root, and users without any right where they can be played. */
export const ways: readonly Way[] = [
  'root',
  ...(noUsers === false ? (['a user with a single id'] as const) : []),
  ...(noUsers === false && hasSubIdTools ? (['a user with sub-ids'] as const) : []),
]

export type Way = 'root' | 'a user with a single id' | 'a user with sub-ids'

export function openWay(way: Way, setup: CliSetup): Cli {
  return way === 'root' ? openCli(setup) : openUnprivilegedCli({ hasSubIds: way === 'a user with sub-ids' }, setup)
}

export const ofTheHost = 'of the host\n'

/** A directory of the host that no build and no container has anything to do with, though whoever runs them may write there. */
export function makeHost(folder: string): string {
  const host = join(folder, 'host')
  mkdirSync(host)
  writeFileSync(join(host, 'secret'), ofTheHost)
  chmodSync(host, 0o777)
  chmodSync(join(host, 'secret'), 0o666)
  return host
}

export function expectUntouched(host: string): void {
  expect(readdirSync(host)).toEqual(['secret'])
  expect(readFileSync(join(host, 'secret'), 'utf8')).toBe(ofTheHost)
}
