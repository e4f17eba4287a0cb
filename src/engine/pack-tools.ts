import type { PackTools } from '../image/packed-layers.ts'
import type { ContentStore } from '../store/content.ts'
import type { Engine } from './engine.ts'

/** What packs layers; documents go into `content`. */
export function packTools(
  { store, snapshots, native, imageRecords: records }: Engine,
  content: ContentStore = store.content,
): PackTools {
  return { store: { ...store, content }, snapshots, native, records }
}
