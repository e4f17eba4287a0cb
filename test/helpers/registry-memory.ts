import { createHash } from 'node:crypto'
import { TsbuildError } from '../../src/base/errors.ts'
import { parseDigest } from '../../src/oci/digest.ts'
import type { Digest } from '../../src/oci/digest.ts'
import { parseManifest } from '../../src/oci/manifest.ts'
import type { Descriptor } from '../../src/oci/types.ts'
import { createRegistryHandler } from '../../src/registry/serve/handler.ts'
import type { RegistryStorage, ServedManifest } from '../../src/registry/serve/storage.ts'
import { startScriptedServer } from './registry-script.ts'
import type { ScriptOptions, ScriptedServer } from './registry-script.ts'
import type { SampleImage } from './registry-client.ts'

/** A registry in memory: what is in it can be looked at and changed behind the server's back. */
export interface MemoryRegistry {
  readonly blobs: Map<Digest, Uint8Array>
  readonly manifests: Map<string, ServedManifest>
  readonly storage: RegistryStorage
  /** Puts an image under `repository:tag` with all its blobs. */
  add(repository: string, tag: string, image: SampleImage): void
}

export function memoryRegistry(): MemoryRegistry {
  const blobs = new Map<Digest, Uint8Array>()
  /** `repository@digest` and `repository:tag`. */
  const manifests = new Map<string, ServedManifest>()
  const key = (repository: string, reference: string): string =>
    `${repository}${reference.includes(':') ? '@' : ':'}${reference}`
  const within = (repository: string): readonly string[] =>
    [...manifests.keys()].filter((name) => name.startsWith(`${repository}:`) || name.startsWith(`${repository}@`))

  const storage: RegistryStorage = {
    repositories: async () => [...new Set([...manifests.keys()].map((name) => name.replace(/[:@].*$/, '')))],
    tags: async (repository) => {
      const names = within(repository)
      return names.length === 0
        ? undefined
        : names.filter((name) => !name.includes('@')).map((name) => name.slice(repository.length + 1))
    },
    manifest: async (repository, reference) => manifests.get(key(repository, reference)),
    missing: async (repository, descriptors) =>
      descriptors.filter(({ digest }) => !blobs.has(digest) && !manifests.has(key(repository, digest))),
    putManifest: async (repository, tags, manifest) => {
      manifests.set(key(repository, manifest.digest), manifest)
      for (const tag of tags) manifests.set(key(repository, tag), manifest)
    },
    deleteManifest: async (repository, reference) => {
      const found = manifests.get(key(repository, reference))
      if (found === undefined) return false
      manifests.delete(key(repository, reference))
      if (reference.includes(':')) {
        for (const name of within(repository)) if (manifests.get(name)?.digest === found.digest) manifests.delete(name)
      }
      return true
    },
    blob: async (_, digest) => {
      const content = blobs.get(digest)
      if (content === undefined) return undefined
      return {
        size: content.byteLength,
        async *open(start, end) {
          for (let at = start; at < end; at += 65_536) yield content.subarray(at, Math.min(end, at + 65_536))
        },
      }
    },
    deleteBlob: async (_, digest) => blobs.delete(digest),
    async begin() {
      const chunks: Uint8Array[] = []
      let size = 0
      return {
        get size() {
          return size
        },
        async write(chunk) {
          chunks.push(chunk)
          size += chunk.byteLength
        },
        async commit(digest) {
          const content = Buffer.concat(chunks)
          const [algorithm = 'sha256'] = digest.split(':')
          const actual = parseDigest(`${algorithm}:${createHash(algorithm).update(content).digest('hex')}`)
          if (actual !== digest) throw new TsbuildError('DIGEST_MISMATCH', 'other content')
          blobs.set(digest, content)
        },
        async [Symbol.asyncDispose]() {
          chunks.length = 0
        },
      }
    },
    async referrers(repository, digest) {
      const found = new Map<Digest, Descriptor>()
      for (const name of within(repository)) {
        const manifest = manifests.get(name)
        if (manifest === undefined) continue
        const document = parseManifest(manifest.bytes, manifest.mediaType, name)
        const body = document.kind === 'index' ? document.index : document.manifest
        if (body.subject?.digest !== digest) continue
        const { mediaType, bytes } = manifest
        const artifactType =
          body.artifactType ?? (document.kind === 'manifest' ? document.manifest.config.mediaType : '')
        found.set(manifest.digest, {
          mediaType,
          digest: manifest.digest,
          size: bytes.byteLength,
          artifactType,
          ...(body.annotations === undefined ? {} : { annotations: body.annotations }),
        })
      }
      return [...found.values()]
    },
  }
  return {
    blobs,
    manifests,
    storage,
    add(repository, tag, image) {
      image.layers.forEach((layer, at) => blobs.set(image.manifest.layers[at]!.digest, layer))
      blobs.set(image.manifest.config.digest, image.config)
      const manifest = { mediaType: image.manifest.mediaType, digest: image.digest, bytes: image.bytes }
      manifests.set(`${repository}:${tag}`, manifest)
      manifests.set(`${repository}@${image.digest}`, manifest)
    },
  }
}

export interface FaultyRegistry extends ScriptedServer {
  readonly memory: MemoryRegistry
}

/** A registry that behaves, except where a script says otherwise. */
export async function startFaultyRegistry(options: Omit<ScriptOptions, 'fallback'> = {}): Promise<FaultyRegistry> {
  const memory = memoryRegistry()
  const handler = createRegistryHandler(memory.storage, { readOnly: false })
  const server = await startScriptedServer({
    ...options,
    fallback: (request, response) => {
      handler(request, response).catch(() => response.destroy())
    },
  })
  return Object.assign(server, { memory })
}
