import { lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { ContextUsage } from '@dockerfile/parser'
import { hasErrno } from '../../base/errors.ts'
import type { BuildContext } from './build-context.ts'

/** What a context holds after its ignore file, and how much of it lies in each folder at its top, biggest first. */
export function measureContext({ path, ignore }: Pick<BuildContext, 'path' | 'ignore'>): ContextUsage {
  const directories: { readonly path: string; readonly bytes: number }[] = []
  const bytes = sizeBelow('')
  return { bytes, directories: directories.toSorted((a, b) => b.bytes - a.bytes) }

  function sizeBelow(folder: string): number {
    let total = 0
    for (const entry of entriesOf(join(path, folder))) {
      const name = folder === '' ? entry.name : `${folder}/${entry.name}`
      const hidden = ignore?.match(name).ignored === true
      if (entry.isDirectory()) {
        if (hidden && !ignore.mayReinclude(name)) continue
        const size = sizeBelow(name)
        if (folder === '') directories.push({ path: name, bytes: size })
        total += size
      } else if (!hidden) {
        total += sizeOf(join(path, name))
      }
    }
    return total
  }
}

function entriesOf(folder: string): ReturnType<typeof readEntries> {
  return unlessGone(() => readEntries(folder), [])
}

function readEntries(folder: string) {
  return readdirSync(folder, { withFileTypes: true })
}

function sizeOf(path: string): number {
  return unlessGone(() => lstatSync(path).size, 0)
}

/** Others may change the folder meanwhile, and what cannot be read has no size that could be told. */
function unlessGone<T>(read: () => T, otherwise: T): T {
  try {
    return read()
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES')) return otherwise
    throw error
  }
}
