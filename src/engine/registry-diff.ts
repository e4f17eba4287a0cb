import { diffImages } from '../image/edit/diff-images.ts'
import type { ImageDiff } from '../image/edit/diff-images.ts'
import { readSourceImage } from '../image/edit/read-image.ts'
import { parseLocation } from '../image/transfer/location.ts'
import type { Platform } from '../oci/types.ts'
import { openSource } from './open-location.ts'
import type { LocationTools } from './open-location.ts'

export interface RegistryDiffRequest {
  readonly before: string
  readonly after: string
  readonly platform: Platform
}

/** What differs between two images: config, packages, files. Errors: those of the places, LAYER_INVALID. */
export async function registryDiff(tools: LocationTools, request: RegistryDiffRequest): Promise<ImageDiff> {
  const open = async (text: string): Promise<Parameters<typeof diffImages>[0]> => {
    const source = await openSource(tools, parseLocation(text))
    return { source, image: await readSourceImage(source, request.platform) }
  }
  return diffImages(await open(request.before), await open(request.after))
}
