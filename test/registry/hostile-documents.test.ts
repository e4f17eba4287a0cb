import { pack } from 'tar-stream'
import { describe, expect, it } from 'vitest'
import { TsbuildError } from '../../src/base/errors.ts'
import { loadImages } from '../../src/image/archive/load-images.ts'
import { readArchive } from '../../src/image/archive/read-archive.ts'
import { readTar } from '../../src/image/archive/tar-archive.ts'
import { unpackTools } from '../../src/image/unpack-layers.ts'
import { digestHex, sha256 } from '../../src/oci/digest.ts'
import { maxConfigSize } from '../../src/oci/image-config.ts'
import { maxManifestSize } from '../../src/oci/manifest.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { openTestImages } from '../helpers/image-store.ts'
import type { TestImages } from '../helpers/image-store.ts'
import { testClient } from '../helpers/registry-client.ts'
import { startFaultyRegistry } from '../helpers/registry-memory.ts'
import { reply } from '../helpers/registry-script.ts'
import { tarImage } from '../helpers/tar-image.ts'

type Door = 'pull' | 'load of a layout' | "load of docker's form"
const doors: readonly Door[] = ['pull', 'load of a layout', "load of docker's form"]

/** A document that is wrong, made of one that is right, and what is said of it. */
const faults: readonly (readonly [string, (text: string) => string | Buffer, RegExp])[] = [
  [
    'nests too deep',
    (text) => text.replace('{', `{"x":${'['.repeat(300)}${']'.repeat(300)},`),
    /nests deeper than 200/,
  ],
  ['has too many values', (text) => text.replace('{', `{"x":[${'1,'.repeat(600_000)}1],`), /more than 500000 values/],
  [
    'has a member twice',
    (text) => text.replace('{', '{"x":{"a\\u0062":1,"y":[{"ab":2}],"ab":3},'),
    /member "ab" twice/,
  ],
  ['is not UTF-8', (text) => Buffer.from(text.replace('{', '{"x":"\u00ff",'), 'latin1'), /not UTF-8/],
  ['begins with a byte order mark', (text) => `\uFEFF${text}`, /byte order mark/],
  ['is cut off', (text) => text.slice(0, -2), /not JSON/],
  ['is empty', () => '', /not JSON|has no/],
  ['is a list', () => '[]', /must be an object/],
  ['is null', () => 'null', /must be an object/],
]

const configFaults: typeof faults = [
  ...faults,
  [
    'is too large',
    (text) => text.replace('{', `{"x":"${'x'.repeat(maxConfigSize)}",`),
    /has \d+ bytes, at most 8388608/,
  ],
  [
    'has a number out of range',
    (text) =>
      JSON.stringify({ ...(JSON.parse(text) as object), config: { Healthcheck: { Retries: 'R' } } }).replace(
        '"R"',
        '1e400',
      ),
    /"config.Healthcheck.Retries" must be at most/,
  ],
]
const manifestFaults: typeof faults = [
  ...faults,
  [
    'is too large',
    (text) => text.replace('{', `{"x":"${'x'.repeat(maxManifestSize)}",`),
    /has (more than )?\d+ bytes, at most 4194304|more than 4194304 bytes/,
  ],
  [
    'has a number out of range',
    (text) => text.replace(/"size":\d+/, '"size":9007199254740993'),
    /"config.size" must be at most/,
  ],
  ['has a fraction', (text) => text.replace(/"size":\d+/, '"size":1.5'), /"config.size" must be a whole number/],
  ['has a negative size', (text) => text.replace(/"size":\d+/, '"size":-1'), /"config.size" must not be negative/],
]

async function outcomeOf(
  door: Door,
  what: 'config' | 'manifest',
  fault: (text: string) => string | Buffer,
): Promise<TsbuildError> {
  const honest = await tarImage()
  const config = what === 'config' ? Buffer.from(fault(honest.config.toString())) : honest.config
  const manifest = {
    ...honest.manifest,
    config: { ...honest.manifest.config, digest: sha256(config), size: config.byteLength },
  }
  const text = JSON.stringify(manifest)
  const bytes = Buffer.from(what === 'manifest' ? fault(text) : text)
  await using registry = await startFaultyRegistry()
  await using client = testClient()
  await using images = await openTestImages(client)
  const run = async (): Promise<unknown> => {
    if (door !== 'pull') return await load(images, await archive(door, honest.layers, config, bytes))
    registry.memory.add('app', 'v1', { ...honest, config, manifest, bytes, digest: sha256(bytes) })
    registry.on('HEAD', /manifests/, reply(405))
    return await images.images.pull(parseReference(`${registry.host}/app:v1`), images.pullOptions)
  }
  const error = await run().catch((thrown: unknown) => thrown)
  expect(images.corruptBlobs()).toEqual([])
  expect(images.leftovers()).toEqual([])
  expect(images.store.db.all('SELECT 1 FROM images')).toEqual([])
  expect(error).toBeInstanceOf(TsbuildError)
  return error as TsbuildError
}

async function archive(
  door: Door,
  layers: readonly Uint8Array[],
  config: Uint8Array,
  manifest: Uint8Array,
): Promise<AsyncIterable<Uint8Array>> {
  const out = pack()
  const blob = (content: Uint8Array): string => `blobs/sha256/${digestHex(sha256(content))}`
  for (const content of [...layers, config, ...(door === 'load of a layout' ? [manifest] : [])])
    out.entry({ name: blob(content) }, Buffer.from(content))
  if (door === 'load of a layout') {
    const entry = {
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      digest: sha256(manifest),
      size: manifest.byteLength,
    }
    out.entry({ name: 'index.json' }, JSON.stringify({ schemaVersion: 2, manifests: [entry] }))
  } else out.entry({ name: 'manifest.json' }, JSON.stringify([{ Config: blob(config), Layers: layers.map(blob) }]))
  out.finalize()
  return out as AsyncIterable<Uint8Array>
}

async function load(
  { store, snapshots, native, records }: TestImages,
  bytes: AsyncIterable<Uint8Array>,
): Promise<unknown> {
  const { signal } = new AbortController()
  const read = await readArchive(readTar(bytes), store.content, signal)
  return loadImages({ store, records, unpacking: unpackTools(store, snapshots, native) }, read, {
    emit: () => {},
    signal,
  })
}

describe.for(doors)('%s', (door) => {
  it.for(configFaults)('of a config that %s', async ([, fault, said]) => {
    const error = await outcomeOf(door, 'config', fault)
    expect(error.message).toMatch(said)
    expect(error.code).toMatch(/^(CONFIG_INVALID|REGISTRY_TOO_LARGE|ARCHIVE_INVALID)$/)
    expect(error.message).toMatch(/(config.* sha256:|config .*blobs\/sha256\/|blob )[0-9a-f]{12}/)
  })

  it.skipIf(door === "load of docker's form").for(manifestFaults)('of a manifest that %s', async ([, fault, said]) => {
    const error = await outcomeOf(door, 'manifest', fault)
    expect(error.message).toMatch(said)
    expect(error.code).toMatch(/^(MANIFEST_INVALID|REGISTRY_TOO_LARGE|ARCHIVE_INVALID)$/)
    expect(error.message).toMatch(/manifest/)
    if (error.code === 'MANIFEST_INVALID') expect(error.message).toMatch(/manifest sha256:[0-9a-f]{64} of/)
  })
})

it('a config of some megabytes is one like others', async () => {
  await using client = testClient()
  await using images = await openTestImages(client)
  const honest = await tarImage()
  const config = Buffer.from(honest.config.toString().replace('{', `{"author":"${'x'.repeat(3_000_000)}",`))
  const loaded = await load(images, await archive("load of docker's form", honest.layers, config, Buffer.alloc(0)))
  expect(loaded).toMatchObject([{ id: sha256(config) }])
})
