import { createHash } from 'node:crypto'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { pack } from 'tar-stream'
import { parseDigest, sha256 } from '../../src/oci/digest.ts'
import type { Digest } from '../../src/oci/digest.ts'
import { encodeManifest } from '../../src/oci/manifest.ts'
import { convertType, layerType, mediaTypes } from '../../src/oci/media-types.ts'
import type { Compression, Family } from '../../src/oci/media-types.ts'
import type { Descriptor, Manifest } from '../../src/oci/types.ts'
import type { SampleImage } from './registry-client.ts'

export interface TarImageOptions {
  readonly compression?: Compression
  readonly family?: Family
  /** Changes the config before it is encoded. */
  readonly config?: (config: Record<string, unknown>) => Record<string, unknown>
  /** Changes the manifest before it is encoded. */
  readonly manifest?: (manifest: Manifest) => Manifest
  readonly algorithm?: 'sha256' | 'sha512'
}

/** A tar with one file `/<name>` per entry. */
export async function tarOf(files: Readonly<Record<string, string | Uint8Array>>): Promise<Buffer> {
  const tar = pack()
  for (const [name, content] of Object.entries(files))
    tar.entry({ name, mode: 0o644, mtime: new Date(0) }, Buffer.from(content))
  tar.finalize()
  const chunks: Buffer[] = []
  for await (const chunk of tar) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

/** An image whose layers are real: one tar of files for each. */
export async function tarImage(
  layers: readonly Readonly<Record<string, string | Uint8Array>>[] = [{ 'hello.txt': 'hello' }],
  options: TarImageOptions = {},
): Promise<SampleImage> {
  const { compression = 'gzip', family = 'oci', algorithm = 'sha256' } = options
  const tars = await Promise.all(layers.map(tarOf))
  const blobs = tars.map((tar) => compressed(tar, compression))
  const plain = {
    created: '2026-01-02T03:04:05Z',
    architecture: 'amd64',
    os: 'linux',
    config: { Env: ['PATH=/bin'], Cmd: ['sh'] },
    rootfs: { type: 'layers', diff_ids: tars.map((tar) => sha256(tar)) },
    history: tars.map((_, at) => ({ created_by: `layer ${at}` })),
  }
  const config = Buffer.from(JSON.stringify(options.config?.(plain) ?? plain))
  const describe = (content: Uint8Array, mediaType: string): Descriptor => ({
    mediaType,
    digest: hashOf(content, algorithm),
    size: content.byteLength,
  })
  const base: Manifest = {
    schemaVersion: 2,
    mediaType: convertType(mediaTypes.ociManifest, family),
    config: describe(config, convertType(mediaTypes.ociConfig, family)),
    layers: blobs.map((blob) => describe(blob, layerType(family, compression))),
  }
  const manifest = options.manifest?.(base) ?? base
  const bytes = Buffer.from(encodeManifest(manifest))
  return { config, layers: blobs, manifest, bytes, digest: hashOf(bytes, algorithm) }
}

function compressed(tar: Buffer, compression: Compression): Buffer {
  switch (compression) {
    case 'none':
      return tar
    case 'gzip':
      return gzipSync(tar)
    case 'zstd':
      return zstdCompressSync(tar)
  }
}

function hashOf(content: Uint8Array, algorithm: string): Digest {
  return parseDigest(`${algorithm}:${createHash(algorithm).update(content).digest('hex')}`)
}
