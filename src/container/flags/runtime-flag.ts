import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'
import { invalidFlag } from '../../base/flag-error.ts'

/** The program that `--runtime` names: a path, or a name to be looked for in PATH. null: tsbuild's own. USAGE when there is none. */
export function findRuntime(text: string | undefined, path: string | undefined): string | null {
  if (text === undefined || text === '' || text === 'tsbuild') return null
  const places = text.includes('/')
    ? [text]
    : (path ?? '')
        .split(':')
        .filter((place) => place !== '')
        .map((place) => join(place, text))
  const found = places.find(isProgram)
  if (found !== undefined) return found
  throw invalidFlag(
    '--runtime',
    text,
    'unknown or invalid runtime name',
    'Name an OCI runtime of this machine such as crun or runc, or its path',
  )
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
