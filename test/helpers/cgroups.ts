import { readdirSync } from 'node:fs'
import type { Dirent } from 'node:fs'

/** Paths of the cgroups to this depth, in any hierarchy. Those of other processes come and go while we look. */
export function cgroups(depth: number, directory = '/sys/fs/cgroup'): readonly string[] {
  if (depth === 0) return []
  return directoriesIn(directory).flatMap(({ name }) => [
    `${directory}/${name}`,
    ...cgroups(depth - 1, `${directory}/${name}`),
  ])
}

function directoriesIn(directory: string): readonly Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  } catch {
    return [] // It went meanwhile.
  }
}
