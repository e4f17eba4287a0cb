import { readJson } from '../oci/json.ts'
import { readDescriptor } from '../oci/manifest.ts'
import type { Descriptor } from '../oci/types.ts'
import type { Database } from '../store/db/database.ts'

/** An image in a manifest list that is being put together. */
export interface ListedManifest {
  /** Full reference, as it was given. */
  readonly image: string
  /** With the platform that the list is to say. */
  readonly descriptor: Descriptor
  /** The manifest itself, byte for byte. */
  readonly bytes: Uint8Array
}

/** Table `manifest_lists`: lists of `manifest create` until they are pushed. A list is there while it has entries. */
export interface ManifestLists {
  /** By the names of the images, as docker keeps them. */
  entries(list: string): readonly ListedManifest[]
  /** Adds an image, or replaces what the list says of it. */
  put(list: string, entry: ListedManifest): void
  /** False when there is no such list. */
  remove(list: string): boolean
}

interface Row {
  readonly image: string
  readonly descriptor: string
  readonly manifest: Uint8Array
}

export function manifestLists(db: Database): ManifestLists {
  return {
    entries: (list) =>
      db
        .all<Row>('SELECT image, descriptor, manifest FROM manifest_lists WHERE list = ? ORDER BY image', list)
        .map(({ image, descriptor, manifest }) => ({ image, descriptor: toDescriptor(descriptor), bytes: manifest })),
    put: (list, { image, descriptor, bytes }) =>
      void db.run(
        'INSERT OR REPLACE INTO manifest_lists (list, image, descriptor, manifest) VALUES (?, ?, ?, ?)',
        list,
        image,
        JSON.stringify(descriptor),
        bytes,
      ),
    remove: (list) => db.run('DELETE FROM manifest_lists WHERE list = ?', list).changes > 0,
  }
}

function toDescriptor(text: string): Descriptor {
  return readDescriptor(readJson(Buffer.from(text), { code: 'STORE_CORRUPT', what: 'a manifest list of the store' }))
}
