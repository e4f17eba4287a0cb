import { internalStep } from '../build/internal-step.ts'
import type { ResolveImage } from '../build/plan/request.ts'
import type { LocalImage } from '../image/image-service.ts'
import type { Digest } from '../oci/digest.ts'
import { formatPlatform } from '../oci/platform.ts'
import { formatReference, parseReference, withDefaultTag } from '../oci/reference.ts'
import type { BuildRequest } from './build-request.ts'
import type { Engine, VerbContext } from './engine.ts'

export interface ResolvedImages {
  readonly resolve: ResolveImage
  readonly byManifest: ReadonlyMap<Digest, LocalImage>
}

/** Finds base images for a plan, each name and platform once. */
export function resolveImages(engine: Engine, request: BuildRequest, { emit, signal }: VerbContext): ResolvedImages {
  const found = new Map<string, Promise<LocalImage>>()
  const byManifest = new Map<Digest, LocalImage>()

  function find(text: string, platform: Parameters<ResolveImage>[1]): Promise<LocalImage> {
    const key = `${text} ${formatPlatform(platform)}`
    const known = found.get(key)
    if (known !== undefined) return known
    const reference = withDefaultTag(parseReference(text))
    const started = internalStep(emit, `load metadata for ${formatReference(reference)}`, (ofStep) =>
      engine.images.ensure(reference, { platform, policy: request.pull, emit: ofStep, signal }),
    )
    found.set(key, started)
    return started
  }

  return {
    byManifest,
    async resolve(text, platform) {
      const image = await find(text, platform)
      const { digest } = image.manifestDescriptor
      byManifest.set(digest, image)
      const name = formatReference({ ...withDefaultTag(parseReference(text)), digest: image.target.digest })
      return { name, manifest: digest, config: image.config }
    },
  }
}
