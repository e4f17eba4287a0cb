import { internalStep } from '../build/internal-step.ts'
import type { BaseImage } from '../build/ops/image-operation.ts'
import type { RememberedBuild } from '../build/recall/remembered-build.ts'
import type { ResolveImage } from '../build/plan/request.ts'
import type { LocalImage } from '../image/image-service.ts'
import type { Digest } from '../oci/digest.ts'
import { formatPlatform } from '../oci/platform.ts'
import { formatReference } from '../oci/reference.ts'
import type { Reference } from '../oci/reference.ts'
import type { BuildRequest } from './build-request.ts'
import { layoutImage, layoutScheme } from './build-layout-image.ts'
import type { Engine, VerbContext } from './engine.ts'
import { imageName } from './image-name.ts'

interface Found {
  /** Absent for an image of a folder, which has all of its layers here. */
  readonly reference?: Reference
  readonly image: LocalImage
}

export interface ResolvedImages {
  readonly resolve: ResolveImage
  readonly byManifest: ReadonlyMap<Digest, BaseImage>
  /** By the name in the Dockerfile. */
  readonly byName: ReadonlyMap<string, LocalImage>
  /** What was looked up in the store, and what it meant. */
  readonly bases: () => RememberedBuild['bases']
}

/** Finds base images for a plan, each name and platform once. Their layers come when a step needs them. */
export function resolveImages(engine: Engine, request: BuildRequest, { emit, signal }: VerbContext): ResolvedImages {
  const found = new Map<string, Promise<Found>>()
  const byManifest = new Map<Digest, BaseImage>()
  const byName = new Map<string, LocalImage>()
  const bases = new Map<string, RememberedBuild['bases'][number]>()

  async function load(text: string, platform: Parameters<ResolveImage>[1]): Promise<Found> {
    if (text.startsWith(layoutScheme)) {
      const image = await internalStep(emit, `load metadata for ${text}`, () =>
        layoutImage(engine, text, platform, signal),
      )
      return { image }
    }
    const reference = await imageName(engine, text, platform)
    const image = await internalStep(emit, `load metadata for ${formatReference(reference)}`, (ofStep) =>
      engine.images.resolve(reference, { platform, policy: request.pull, emit: ofStep, signal }),
    )
    return { reference, image }
  }

  function find(text: string, platform: Parameters<ResolveImage>[1]): Promise<Found> {
    const key = `${text} ${formatPlatform(platform)}`
    const known = found.get(key)
    if (known !== undefined) return known
    const started = load(text, platform)
    found.set(key, started)
    return started
  }

  return {
    byManifest,
    byName,
    bases: () => [...bases.values()],
    async resolve(text, platform) {
      const { reference, image } = await find(text, platform)
      const { digest } = image.manifestDescriptor
      byName.set(text, image)
      if (reference === undefined) {
        byManifest.set(digest, { image })
        return { name: `${text}@${image.target.digest}`, manifest: digest, config: image.config }
      }
      byManifest.set(digest, { image, source: { reference, platform } })
      bases.set(text, { name: text, reference: formatReference(reference), target: image.target.digest })
      const name = formatReference({ ...reference, digest: image.target.digest })
      return { name, manifest: digest, config: image.config }
    },
  }
}
