import { parseReference, withDefaultTag } from '../oci/reference.ts'
import type { Reference } from '../oci/reference.ts'
import { resolveAlias } from '../oci/short-name.ts'
import type { Platform } from '../oci/types.ts'
import type { Engine } from './engine.ts'

/**
 * What an image name that a user wrote stands for: a short name that registries.conf has an alias for is the alias, unless the store
 * has an image of that very name. Errors: REFERENCE_INVALID, DIGEST_INVALID.
 */
export async function imageName(engine: Engine, text: string, platform: Platform): Promise<Reference> {
  const plain = withDefaultTag(parseReference(text))
  const alias = resolveAlias(text, engine.settings.registries.shortNames)
  if (alias === undefined || (await engine.images.has(plain, platform))) return plain
  return withDefaultTag(alias)
}
