import { TsbuildError, hasCode } from '../base/errors.ts'
import type { ErrorCode } from '../base/error-codes.ts'
import { containerInspect } from './container-inspect.ts'
import type { Engine, VerbContext } from './engine.ts'
import { imageInspect } from './image-inspect.ts'
import { networkInspect } from './network-inspect.ts'
import { volumeInspect } from './volume-inspect.ts'

/** What a name may be, in the order in which it is looked for. */
export const inspectable = ['container', 'image', 'volume', 'network'] as const
export type Inspectable = (typeof inspectable)[number]

export interface InspectRequest {
  readonly name: string
  /** Absent: whatever has the name, containers first. */
  readonly type?: Inspectable
  readonly size: boolean
}

const absent: Readonly<Record<Inspectable, ErrorCode>> = {
  container: 'CONTAINER_NOT_FOUND',
  image: 'IMAGE_NOT_FOUND',
  volume: 'VOLUME_NOT_FOUND',
  network: 'NETWORK_NOT_FOUND',
}

/** A container, image, volume or network in docker's JSON. OBJECT_NOT_FOUND when nothing has the name; with `type` that kind's own code. */
export async function inspect(engine: Engine, request: InspectRequest, context: VerbContext): Promise<object> {
  const { name, size, type } = request
  const find = (kind: Inspectable): Promise<object> => {
    switch (kind) {
      case 'container':
        return containerInspect(engine, { name, size })
      case 'image':
        return imageInspect(engine, { name }, context)
      case 'volume':
        return Promise.resolve().then(() => volumeInspect(engine, name))
      case 'network':
        return networkInspect(engine, name)
    }
  }
  if (type !== undefined) return find(type)
  for (const kind of inspectable) {
    try {
      return await find(kind)
    } catch (error) {
      // An image name may break the grammar and still be the name of something else.
      if (!hasCode(error, absent[kind], 'REFERENCE_INVALID')) throw error
    }
  }
  throw new TsbuildError('OBJECT_NOT_FOUND', `No such object: ${name}`, {
    hint: 'Containers, images, volumes and networks are listed by "tsbuild ps -a", "images", "volume ls" and "network ls"',
  })
}
