import { parseReference, withDefaultTag } from '../oci/reference.ts'
import type { Reference } from '../oci/reference.ts'
import { isShortName, resolveAlias } from '../oci/short-name.ts'
import type { Platform } from '../oci/types.ts'
import type { Engine } from './engine.ts'

/**
 * What an image name that a user wrote stands for: a short name that registries.conf has an alias for is the alias, unless the store
 * has an image of that very name. Errors: REFERENCE_INVALID, DIGEST_INVALID.
 */
export async function imageName(engine: Engine, text: string, platform: Platform): Promise<Reference> {
  const plain = withDefaultTag(parseReference(text))
  const alias = await aliasOf(engine, text)
  if (alias === undefined || (await engine.images.has(plain, platform))) return plain
  return withDefaultTag(alias)
}

/** What registries.conf has a short name for; undefined for a name that no alias is for. Errors: REFERENCE_INVALID, SETTINGS_INVALID. */
export async function aliasOf({ settings }: Engine, text: string): Promise<Reference | undefined> {
  return isShortName(text) ? resolveAlias(text, (await settings.registries()).shortNames) : undefined
}
