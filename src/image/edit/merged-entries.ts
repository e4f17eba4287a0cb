import type { Manifest } from '../../oci/types.ts'
import type { ContentSource } from '../transfer/endpoint.ts'
import { layerEntries, whiteoutOf } from './layer-entries.ts'
import type { LayerEntry } from './layer-entries.ts'

/**
 * The files of an image as one stream, layers merged, nothing unpacked: from the top layer down, each path once, whiteouts applied. A folder
 * may come after what is in it; extractors set its metadata then.
 */
export async function* mergedEntries(source: ContentSource, manifest: Manifest): AsyncGenerator<LayerEntry> {
  const seen = new Set<string>()
  /** Paths that upper layers made something else than folders, removed, or emptied: what lies below them is hidden. */
  const hidden = new Set<string>()
  for (const layer of manifest.layers.toReversed()) {
    const hiddenHere = new Set<string>()
    for await (const entry of layerEntries(source, layer)) {
      const { path, header } = entry
      const whiteout = whiteoutOf(path)
      if (whiteout !== undefined) {
        if (whiteout.kind === 'remove') seen.add(whiteout.path)
        hiddenHere.add(whiteout.path)
        continue
      }
      if (path === '' || seen.has(path) || isBelow(path, hidden)) continue
      seen.add(path)
      if (header.type !== 'directory') hiddenHere.add(path)
      yield entry
    }
    for (const path of hiddenHere) hidden.add(path)
  }
}

function isBelow(path: string, hidden: ReadonlySet<string>): boolean {
  if (hidden.size === 0) return false
  if (hidden.has('')) return true
  for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1)) {
    if (hidden.has(path.slice(0, slash))) return true
  }
  return false
}
