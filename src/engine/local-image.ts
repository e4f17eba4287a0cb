import { TsbuildError, hasCode } from '../base/errors.ts'
import { formatPlatform, parsePlatform } from '../oci/platform.ts'
import { familiarReference, parseReference, withDefaultTag } from '../oci/reference.ts'
import type { Platform } from '../oci/types.ts'
import type { LocalImage } from '../image/image-service.ts'
import type { Engine } from './engine.ts'

/** The image that a verb's argument names. IMAGE_NOT_FOUND, PLATFORM_NOT_FOUND, ID_AMBIGUOUS, PLATFORM_INVALID. */
export async function localImage(engine: Engine, name: string, platformText?: string): Promise<LocalImage> {
  const { images, settings } = engine
  const platform = platformText === undefined ? settings.platform : parsePlatform(platformText, settings.platform)
  const found =
    (await images.find(name, platform)) ??
    (platformText === undefined ? await anyPlatform(engine, name, platform) : undefined)
  if (found !== undefined) return found
  if (platformText !== undefined && (await anyPlatform(engine, name, platform)) !== undefined) {
    throw new TsbuildError(
      'PLATFORM_NOT_FOUND',
      `Cannot use image "${name}": the store does not have it for ${formatPlatform(platform)}`,
    )
  }
  throw noSuchImage(name)
}

/** docker's words: a name without a tag is looked for as its tag latest. */
export function noSuchImage(name: string): TsbuildError {
  return new TsbuildError('IMAGE_NOT_FOUND', `No such image: ${completeName(name)}`)
}

function completeName(name: string): string {
  try {
    return familiarReference(withDefaultTag(parseReference(name)))
  } catch (error) {
    if (hasCode(error, 'REFERENCE_INVALID', 'DIGEST_INVALID')) return name
    throw error
  }
}

/** Where nothing fits, the platform that is here. */
async function anyPlatform(
  { images, store }: Engine,
  name: string,
  platform: Platform,
): Promise<LocalImage | undefined> {
  const { imageFacts } = await import('../image/image-facts.ts')
  const other = await images.identify(await imageFacts(store), name, platform)
  return other?.platform === undefined ? undefined : images.find(name, other.platform)
}
