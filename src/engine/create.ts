import type { Container } from '../container/container-records.ts'
import { createContainer } from '../container/create.ts'
import type { NewContainer } from '../container/new-container.ts'
import { familiarReference, formatReference } from '../oci/reference.ts'
import { formatPlatform, parsePlatform } from '../oci/platform.ts'
import type { LocalImage, PullPolicy } from '../image/image-service.ts'
import type { Engine, VerbContext } from './engine.ts'
import { heldLimits } from './held-limits.ts'
import { imageName } from './image-name.ts'
import { pull } from './pull.ts'

export interface CreateRequest {
  readonly container: NewContainer
  readonly pull: PullPolicy
  /** `os/arch[/variant]`; absent: the machine's. */
  readonly platform?: string
}

/** Makes a container, pulling its image where the policy wants it. Codes of `createContainer` and of a pull. */
export async function create(engine: Engine, request: CreateRequest, context: VerbContext): Promise<Container> {
  const image = await imageFor(engine, request, context)
  const limits = await heldLimits(engine.native, request.container.limits, context)
  return createContainer(engine.containers, image, { ...request.container, limits }, context)
}

/** docker's order: a local image by name or ID; else it says that there is none, and pulls. */
async function imageFor(engine: Engine, request: CreateRequest, context: VerbContext): Promise<LocalImage> {
  const { platform: host } = engine.settings
  const platform = request.platform === undefined ? host : parsePlatform(request.platform, host)
  const name = request.container.imageName
  if (request.pull !== 'always' && request.pull !== 'newer') {
    const local = await engine.images.find(name, platform)
    if (local !== undefined) return local
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
  const pulled = await pull(
    engine,
    { name: formatReference(reference), allTags: false, policy: request.pull, platform: formatPlatform(platform) },
    context,
  )
  return (
    (await engine.images.find(pulled[0]!.id, platform)) ??
    engine.images.ensure(reference, { platform, policy: 'never', ...context })
  )
}
