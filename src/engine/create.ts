import { TsbuildError } from '../base/errors.ts'
import type { Container } from '../container/container-records.ts'
import { createContainer } from '../container/create.ts'
import type { NewContainer } from '../container/new-container.ts'
import { familiarReference, formatReference } from '../oci/reference.ts'
import { formatPlatform, normalisePlatform, parsePlatform, platformDistance } from '../oci/platform.ts'
import type { Platform } from '../oci/types.ts'
import type { LocalImage, PullPolicy } from '../image/image-service.ts'
import type { Engine, VerbContext } from './engine.ts'
import { heldLimits } from './held-limits.ts'
import { imageName } from './image-name.ts'

export interface CreateRequest {
  readonly container: NewContainer
  readonly pull: PullPolicy
  /** `os/arch[/variant]`; absent: the machine's. */
  readonly platform?: string
}

/** Makes a container, pulling its image where the policy wants it. Codes of `createContainer` and of a pull. */
export async function create(engine: Engine, request: CreateRequest, context: VerbContext): Promise<Container> {
  const image = await imageFor(engine, request, context)
  const limits = await heldLimits(engine, request.container.limits, context)
  return createContainer(engine.containers, image, { ...request.container, limits }, context)
}

/** Only a platform that was asked for by name excludes the image of another one. */
function isWanted({ config }: LocalImage, asked: string | undefined, platform: Platform): boolean {
  return asked === undefined || platformDistance(platform, platformOf(config)) !== undefined
}

function warned(image: LocalImage, host: Platform, request: CreateRequest, { emit }: VerbContext): LocalImage {
  const own = platformOf(image.config)
  if (request.platform !== undefined || platformDistance(host, own) !== undefined) return image
  const text = `The requested image's platform (${formatPlatform(own)}) does not match the detected host platform (${formatPlatform(host)}) and no specific platform was requested`
  emit({ kind: 'notice', level: 'warning', text })
  return image
}

function platformOf({ os, architecture, variant }: LocalImage['config']): Platform {
  return normalisePlatform({ os, architecture, ...(variant === undefined ? {} : { variant }) })
}

/** docker's order: a local image by name or ID; else it says that there is none, and pulls. */
async function imageFor(engine: Engine, request: CreateRequest, context: VerbContext): Promise<LocalImage> {
  const { platform: host } = engine.settings
  const platform = request.platform === undefined ? host : parsePlatform(request.platform, host)
  const name = request.container.imageName
  if (request.pull !== 'always' && request.pull !== 'newer') {
    const local = await engine.images.find(name, platform)
    if (local !== undefined && isWanted(local, request.platform, platform)) return warned(local, host, request, context)
  }
  const reference = await imageName(engine, name, platform)
  if (request.pull === 'missing') {
    context.emit({
      kind: 'notice',
      level: 'info',
      text: `Unable to find image '${familiarReference(reference)}' locally`,
    })
  }
  if (request.pull === 'never') return engine.images.ensure(reference, { platform, policy: 'never', ...context })
  const { pull } = await import('./pull.ts')
  const pulled = await pull(
    engine,
    { name: formatReference(reference), allTags: false, policy: request.pull, platform: formatPlatform(platform) },
    context,
  )
  const image =
    (await engine.images.find(pulled[0]!.id, platform)) ??
    (await engine.images.ensure(reference, { platform, policy: 'never', ...context }))
  if (isWanted(image, request.platform, platform)) return warned(image, host, request, context)
  const text = `image with reference ${familiarReference(reference)} was found but does not provide the specified platform (${formatPlatform(platform)})`
  throw new TsbuildError('PLATFORM_NOT_FOUND', text, { hint: 'Leave --platform out, or build the image for it' })
}
