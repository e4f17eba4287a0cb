import { TsbuildError } from '../base/errors.ts'
import type { Emit } from '../base/events.ts'
import type { NativeCore } from '../host/native.ts'
import { shortId } from '../oci/digest.ts'
import { formatPlatform } from '../oci/platform.ts'
import { familiarReference } from '../oci/reference.ts'
import type { Reference } from '../oci/reference.ts'
import { isShortName, resolveAlias } from '../oci/short-name.ts'
import type { RegistryClient } from '../registry/client.ts'
import type { Snapshotter } from '../snapshot/snapshotter.ts'
import type { Store } from '../store/store.ts'
import { createImage } from './create-image.ts'
import { findByName, findImage, identifyByName, identifyImage, tagName } from './find-image.ts'
import { imageRecords } from './image-records.ts'
import { layersToUnpack } from './image-layers.ts'
import type { ImageService, LocalImage, PulledImage, PullOptions } from './image-service.ts'
import { chainIds, unpackLayers, unpackTools } from './unpack-layers.ts'
import type { PackedInput } from './unpack-layers.ts'

export interface ImageTools {
  readonly store: Store
  readonly snapshots: Snapshotter
  readonly native: NativeCore
  /** Made when a registry is first asked: most commands never ask one. */
  readonly registry: () => Promise<RegistryClient>
  /** Aliases of registries.conf. */
  readonly shortNames: () => Promise<Readonly<Record<string, string>>>
}

export function createImages({ store, snapshots, native, registry, shortNames }: ImageTools): ImageService {
  const records = imageRecords(store.db)
  const unpacking = unpackTools(store, snapshots, native)

  const tools = { store, records, unpacking, registry }

  async function pull(reference: Reference, options: PullOptions): Promise<PulledImage> {
    const { pullImage } = await import('./pull-image.ts')
    return pullImage(tools, reference, options)
  }

  /** The local image, or what `ask` gets from the registry where the policy wants that. */
  async function byPolicy(
    reference: Reference,
    options: PullOptions,
    ask: () => Promise<LocalImage>,
  ): Promise<LocalImage> {
    if (options.policy === 'always' || options.policy === 'newer') return ask()
    const local = await findByName(records, store.content, reference, options.platform)
    if (local !== undefined) return local
    if (options.policy === 'missing') return ask()
    throw new TsbuildError(
      'IMAGE_NOT_FOUND',
      `Cannot find image "${familiarReference(reference)}" for ${formatPlatform(options.platform)} in the store`,
      { hint: 'Pulling was forbidden by the pull policy "never"' },
    )
  }

  /** True when the layers are unpacked, or can be without a registry. */
  function isHere(layers: readonly PackedInput[]): boolean {
    const known = chainIds(layers).findLastIndex((chain) => snapshots.byChain(chain) !== undefined) + 1
    return layers.slice(known).every(({ blob }) => store.content.size(blob) !== undefined)
  }

  return {
    pull,
    ensure: (reference, options) => byPolicy(reference, options, async () => (await pull(reference, options)).image),
    resolve: (reference, options) =>
      byPolicy(reference, options, async () => {
        const { resolveImage } = await import('./pull-image.ts')
        return resolveImage(tools, reference, options)
      }),
    async find(nameOrId, platform) {
      const found = await findImage(records, store.content, nameOrId, platform)
      if (found !== undefined || !isShortName(nameOrId)) return found
      const alias = resolveAlias(nameOrId, await shortNames())
      return alias === undefined ? undefined : findByName(records, store.content, alias, platform)
    },
    async identify(facts, nameOrId, platform) {
      const found = await identifyImage(records, facts, nameOrId, platform)
      if (found !== undefined || !isShortName(nameOrId)) return found
      const alias = resolveAlias(nameOrId, await shortNames())
      return identifyByName(records, facts, alias, platform)
    },
    has: async (reference, platform) => (await findByName(records, store.content, reference, platform)) !== undefined,
    async unpack(image, { emit, signal, source }) {
      const layers = layersToUnpack(image.manifest, image.config, `Cannot unpack image ${shortId(image.id)}`)
      if (source !== undefined && !isHere(layers)) {
        const pinned = { ...source.reference, digest: image.target.digest }
        await pull(pinned, { platform: source.platform, policy: 'missing', emit, signal })
      }
      return unpackLayers(unpacking, layers, {
        signal,
        onProgress: (layer, done, total) => tellExtracting(emit, image, layer, done, total),
      })
    },
    create: (image) => createImage(store, snapshots, records, image),
    tag: (image, name) => records.setRef(tagName(name), image.target),
  }
}

function tellExtracting(emit: Emit, image: LocalImage, layer: PackedInput, done: number, total: number): void {
  emit({ kind: 'transfer', parent: image.target.digest, item: layer.blob, phase: 'extracting', done, total })
}
