import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { TsbuildError } from '../base/errors.ts'
import { readRegularFile } from '../base/user-file.ts'
import { blobPath, indexFile, refNameAnnotation } from '../image/archive/layout.ts'
import { sha256, shortId } from '../oci/digest.ts'
import { parseManifest } from '../oci/manifest.ts'
import { mediaTypes } from '../oci/media-types.ts'
import { defaultTag } from '../oci/reference.ts'
import type { Descriptor } from '../oci/types.ts'
import type { ContentStore } from '../store/content.ts'

/** The entries of an OCI layout folder. MANIFEST_INVALID; errors of the file system are passed on. */
export async function layoutEntries(path: string): Promise<readonly Descriptor[]> {
  const bytes = await readRegularFile(join(path, indexFile))
  const parsed = parseManifest(bytes, mediaTypes.ociIndex, 'the index')
  return parsed.kind === 'index' ? parsed.index.manifests : []
}

/** The name of an entry. */
export function layoutTag({ annotations }: Descriptor): string {
  return annotations?.[refNameAnnotation] ?? defaultTag
}

/** Documents are small; more is not one. */
const maxDocument = 64 * 1024 * 1024

/** A document of the folder, verified as one of a registry is. ARCHIVE_INVALID, DIGEST_MISMATCH. */
export async function readLayoutDocument(path: string, { digest, size }: Descriptor): Promise<Uint8Array> {
  if (size > maxDocument) throw new TsbuildError('ARCHIVE_INVALID', `${shortId(digest)} is larger than any document`)
  const bytes = await readRegularFile(join(path, blobPath(digest)))
  if (bytes.byteLength === size && sha256(bytes) === digest) return bytes
  throw new TsbuildError('DIGEST_MISMATCH', `${shortId(digest)} is not what its name says`)
}

/** Brings a blob of the folder into the store, verified. */
export async function copyLayoutBlob(
  content: ContentStore,
  path: string,
  blob: Descriptor,
  signal: AbortSignal,
): Promise<void> {
  await using sink = await content.ingest(blob, { signal })
  if (sink === undefined) return
  if (sink.offset > 0) await sink.restart()
  for await (const chunk of createReadStream(join(path, blobPath(blob.digest)))) await sink.write(chunk as Uint8Array)
  await sink.commit()
}
