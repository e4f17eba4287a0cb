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
  /** By the name in the Dockerfile. */
  readonly byName: ReadonlyMap<string, LocalImage>
}

/** Finds base images for a plan, each name and platform once. */
export function resolveImages(engine: Engine, request: BuildRequest, { emit, signal }: VerbContext): ResolvedImages {
  const found = new Map<string, Promise<LocalImage>>()
  const byManifest = new Map<Digest, LocalImage>()
  const byName = new Map<string, LocalImage>()

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
    byName,
    async resolve(text, platform) {
      const image = await find(text, platform)
      const { digest } = image.manifestDescriptor
      byManifest.set(digest, image)
      byName.set(text, image)
      const name = formatReference({ ...withDefaultTag(parseReference(text)), digest: image.target.digest })
      return { name, manifest: digest, config: image.config }
    },
  }
}
