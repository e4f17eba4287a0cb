import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { defaultCacheTag } from '../build/options/cache-option.ts'
import { indexFile, refNameAnnotation } from '../image/archive/layout.ts'
import { parseManifest } from '../oci/manifest.ts'
import { mediaTypes } from '../oci/media-types.ts'
import type { Descriptor } from '../oci/types.ts'

/** The caches of a layout folder. MANIFEST_INVALID; errors of the file system are passed on. */
export async function folderCaches(path: string): Promise<readonly Descriptor[]> {
  const bytes = await readFile(join(path, indexFile))
  const parsed = parseManifest(bytes, mediaTypes.ociIndex, 'the index')
  return parsed.kind === 'index' ? parsed.index.manifests : []
}

/** The name of a folder's cache. */
export function cacheTag({ annotations }: Descriptor): string {
  return annotations?.[refNameAnnotation] ?? defaultCacheTag
}
