import { createHash, randomBytes } from 'node:crypto'
import { parseDigest, sha256 } from '../../src/oci/digest.ts'
import type { Digest } from '../../src/oci/digest.ts'
import { encodeManifest } from '../../src/oci/manifest.ts'
import { mediaTypes } from '../../src/oci/media-types.ts'
import type { Descriptor, Manifest } from '../../src/oci/types.ts'
import type { Credentials } from '../../src/registry/auth/credentials.ts'
import { createRegistryClient } from '../../src/registry/client.ts'
import type { RegistryClient, RegistryClientOptions } from '../../src/registry/client.ts'
import { defaultRetryPolicy } from '../../src/registry/transport/retry.ts'
import { systemTiming } from '../../src/registry/transport/timing.ts'
import type { BlobSource } from '../../src/registry/upload-blob.ts'
import type { BlobSink } from '../../src/registry/fetch-blob.ts'
import type { RegistrySettings } from '../../src/settings/settings.ts'
import { TsbuildError } from '../../src/base/errors.ts'

export const noRegistrySettings: RegistrySettings = {
  dockerConfigPath: '/nonexistent/config.json',
  authFile: undefined,
  insecure: [],
  rules: {},
  certDirs: [],
  shortNames: {},
}

export interface TestClient extends RegistryClient {
  /** Every wait that a retry took, in milliseconds; nothing is really waited for. */
  readonly waits: readonly number[]
}

export interface TestClientOptions extends Partial<Omit<RegistryClientOptions, 'registries'>> {
  readonly registries?: Partial<RegistrySettings>
  /** Credentials by host. */
  readonly logins?: Readonly<Record<string, Credentials>>
}

/** For servers that do not answer: what is a second to them may be one of a busy machine, too, so that it is for the tests of such servers alone. */
export const impatient: TestClientOptions = {
  timeouts: { connect: 1000, headers: 700, idle: 500, commit: 700, document: 2000 },
}

/** A client whose waits take no time: for scripted servers. */
export function testClient(options: TestClientOptions = {}): TestClient {
  const waits: number[] = []
  const client = createRegistryClient({
    proxies: { http: undefined, https: undefined, no: undefined },
    limits: { perHost: 4, transfers: 8 },
    userAgent: 'tsbuild/test',
    timeouts: { connect: 60_000, headers: 60_000, idle: 60_000, commit: 60_000, document: 60_000 },
    retry: defaultRetryPolicy,
    timing: {
      now: () => Date.now(),
      random: () => 0.5,
      sleep(milliseconds, signal) {
        waits.push(milliseconds)
        return systemTiming.sleep(1, signal)
      },
    },
    credentials: {
      find: async (host) => ({ key: host, get: async () => options.logins?.[host] ?? { kind: 'none' } }),
    },
    ...options,
    registries: { ...noRegistrySettings, ...options.registries },
  })
  return Object.assign(client, { waits })
}

export function bytesSource(content: Uint8Array): BlobSource {
  return {
    digest: sha256(content),
    size: content.byteLength,
    async *open(start = 0, end = content.byteLength) {
      for (let at = start; at < end; at += 64 * 1024) yield content.subarray(at, Math.min(end, at + 64 * 1024))
    },
  }
}

/** A writer in memory with the contract of ContentStore.ingest. */
export function memoryIngest(
  want: Pick<Descriptor, 'digest' | 'size'>,
  present: Uint8Array = new Uint8Array(),
): BlobSink & AsyncDisposable & { readonly content: () => Uint8Array; readonly committed: () => boolean } {
  let content = Buffer.from(present)
  let committed = false
  return {
    content: () => content,
    committed: () => committed,
    get offset() {
      return content.byteLength
    },
    async write(chunk) {
      if (content.byteLength + chunk.byteLength > want.size) throw new TsbuildError('SIZE_MISMATCH', 'too much')
      content = Buffer.concat([content, chunk])
    },
    async restart() {
      content = Buffer.alloc(0)
    },
    async commit() {
      const [algorithm = 'sha256'] = want.digest.split(':')
      const digest = parseDigest(`${algorithm}:${createHash(algorithm).update(content).digest('hex')}`)
      if (content.byteLength !== want.size || digest !== want.digest) {
        content = Buffer.alloc(0)
        throw new TsbuildError('DIGEST_MISMATCH', 'other content')
      }
      committed = true
    },
    async [Symbol.asyncDispose]() {
      // Memory only.
    },
  }
}

export interface SampleImage {
  readonly config: Uint8Array
  readonly layers: readonly Uint8Array[]
  readonly manifest: Manifest
  readonly bytes: Uint8Array
  readonly digest: Digest
}

/** An image whose layers are noise: enough for everything that does not unpack. */
export function sampleImage(layerSizes: readonly number[] = [1000]): SampleImage {
  const layers = layerSizes.map((size) => randomBytes(size))
  const config = Buffer.from(
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      rootfs: { type: 'layers', diff_ids: layers.map((layer) => sha256(layer)) },
    }),
  )
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: describe(config, mediaTypes.ociConfig),
    layers: layers.map((layer) => describe(layer, mediaTypes.ociLayer)),
  }
  const bytes = Buffer.from(encodeManifest(manifest))
  return { config, layers, manifest, bytes, digest: sha256(bytes) }
}

export function describe(content: Uint8Array, mediaType: string): Descriptor {
  return { mediaType, digest: sha256(content), size: content.byteLength }
}
