import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sha256 } from '../../src/oci/digest.ts'
import { mediaTypes } from '../../src/oci/media-types.ts'
import type { Descriptor } from '../../src/oci/types.ts'
import type { SampleImage } from '../helpers/registry-client.ts'
import { startRegistry } from '../helpers/registry.ts'
import type { Registry } from '../helpers/registry.ts'
import { tarImage, tarOf } from '../helpers/tar-image.ts'
import { openCli } from '../helpers/tsbuild.ts'
import type { Cli } from '../helpers/tsbuild.ts'

let registry: Registry
let cli: Cli

beforeAll(async () => {
  registry = await startRegistry()
  cli = openCli()
})
afterAll(async () => {
  await cli[Symbol.asyncDispose]()
  await registry[Symbol.asyncDispose]()
})

const at = (name: string): string => `${registry.host}/formats/${name}`
const digestOf = async (name: string): Promise<string> => (await cli.ok('registry', 'digest', name)).trim()
const entryOf = (image: Pick<SampleImage, 'bytes' | 'digest'>, mediaType: string): Descriptor => ({
  mediaType,
  digest: image.digest,
  size: image.bytes.byteLength,
})

/** Puts blobs under a name of the registry, `top` being what the name is to point to. */
async function put(name: string, top: Descriptor, blobs: readonly Uint8Array[]): Promise<void> {
  const path = join(cli.folder, 'put.tar')
  const files = Object.fromEntries(blobs.map((blob) => [`blobs/sha256/${sha256(blob).slice(7)}`, blob]))
  const index = JSON.stringify({ schemaVersion: 2, manifests: [top] })
  writeFileSync(path, await tarOf({ ...files, 'index.json': index, 'oci-layout': '{"imageLayoutVersion":"1.0.0"}' }))
  await cli.ok('registry', 'copy', '-q', '--foreign-layers', `oci-archive:${path}`, name)
  rmSync(path)
}

/** An eStargz layer: a member of gzip for each piece, the table of contents as a file, a footer without content. */
async function estargz(): Promise<SampleImage> {
  const tar = await tarOf({ 'a.txt': 'a'.repeat(2000), 'stargz.index.json': '{"version":1,"entries":[]}' })
  const pieces = [tar.subarray(0, 1024), tar.subarray(1024, 3072), tar.subarray(3072), Buffer.alloc(0)]
  const layer = Buffer.concat(pieces.map((piece) => gzipSync(piece)))
  const base = await tarImage([], {
    config: (config) => ({ ...config, rootfs: { type: 'layers', diff_ids: [sha256(tar)] } }),
  })
  const annotations = { 'containerd.io/snapshot/stargz/toc.digest': sha256('toc') }
  const descriptor = { mediaType: mediaTypes.ociLayerGzip, digest: sha256(layer), size: layer.byteLength, annotations }
  const manifest = { ...base.manifest, layers: [descriptor] }
  const bytes = Buffer.from(JSON.stringify(manifest, undefined, 1))
  return { config: base.config, layers: [layer], manifest, bytes, digest: sha256(bytes) }
}

it('an eStargz image is unpacked, and pushed as it came', async () => {
  const image = await estargz()
  await put(at('stargz:1'), entryOf(image, mediaTypes.ociManifest), [image.bytes, image.config, ...image.layers])
  await cli.ok('pull', '-q', at('stargz:1'))
  expect(await cli.ok('image', 'inspect', '-f', '{{.Size}}', at('stargz:1'))).toBe('2026\n')
  await cli.ok('tag', at('stargz:1'), at('pushed:1'))
  await cli.ok('push', '-q', at('pushed:1'))
  expect(await digestOf(at('pushed:1'))).toBe(image.digest)
})

describe('a copy keeps every byte, through an archive, a layout and the store', () => {
  /** An index in an index, beside an artifact whose layer is of a type that nobody knows. */
  async function nested(): Promise<{ readonly top: Descriptor; readonly blobs: readonly Uint8Array[] }> {
    const image = await tarImage()
    const strange = Buffer.from('strange')
    const artifact = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: mediaTypes.ociManifest,
        artifactType: 'application/x.strange',
        config: { mediaType: 'application/x.config', digest: sha256('{}'), size: 2 },
        layers: [{ mediaType: 'application/x.unknown+weird', digest: sha256(strange), size: strange.byteLength }],
        'x-member': { kept: true },
      }),
    )
    const platform = { os: 'linux', architecture: 'amd64' }
    const wrap = (manifests: readonly object[]): Buffer =>
      Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }, undefined, 2))
    const inner = wrap([{ ...entryOf(image, mediaTypes.ociManifest), platform }])
    const named = (bytes: Buffer, mediaType: string): Descriptor => entryOf({ bytes, digest: sha256(bytes) }, mediaType)
    const outer = wrap([named(inner, mediaTypes.ociIndex), named(artifact, mediaTypes.ociManifest)])
    const blobs = [outer, inner, artifact, strange, Buffer.from('{}'), image.bytes, image.config, ...image.layers]
    return { top: named(outer, mediaTypes.ociIndex), blobs }
  }

  it('a nested index with an artifact', async () => {
    const { top, blobs } = await nested()
    await put(at('nested:1'), top, blobs)
    const archive = join(cli.folder, 'nested.tar')
    const places = [`oci-archive:${archive}:n`, `oci:${join(cli.folder, 'nested')}:n`, 'store:nested:n', at('again:1')]
    let source = at('nested:1')
    for (const place of places) {
      await cli.ok('registry', 'copy', '-q', source, place)
      source = place
    }
    expect(await digestOf(at('again:1'))).toBe(top.digest)
    expect(await cli.ok('registry', 'manifest', at('again:1'))).toBe(blobs[0]!.toString())
    expect(await cli.ok('registry', 'validate', '-q', at('again:1'))).toBe('')
    // The image in it is found for this machine.
    await cli.ok('pull', '-q', at('again:1'))
  })
})
