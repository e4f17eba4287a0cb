import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Changes one byte in the largest layer of a repository in a docker-registry's storage, the length staying the same. */
export function rewriteBlob(data: string, repository: string): void {
  const base = join(data, 'docker/registry/v2')
  const links = readdirSync(join(base, 'repositories', repository, '_layers/sha256'))
  const paths = links.map((hex) => join(base, 'blobs/sha256', hex.slice(0, 2), hex, 'data'))
  const [largest] = paths
    .map((path) => ({ path, content: readFileSync(path) }))
    .toSorted((a, b) => b.content.length - a.content.length)
  const changed = Buffer.from(largest!.content)
  // Not within the header or the trailer of gzip, so that only a digest can tell.
  const at = Math.floor(changed.length / 2)
  changed[at] = changed[at]! ^ 1
  rmSync(largest!.path) // Perhaps a hard link of other storages.
  writeFileSync(largest!.path, changed)
}
