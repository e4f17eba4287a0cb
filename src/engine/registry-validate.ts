import { validateContent } from '../image/edit/validate.ts'
import type { Finding } from '../image/edit/validate.ts'
import { parseLocation } from '../image/transfer/location.ts'
import { openSource } from './open-location.ts'
import type { LocationTools } from './open-location.ts'

/** Checks everything of an image or index; findings come as they are made. Errors: only of what the location itself names. */
export async function* registryValidate(tools: LocationTools, name: string): AsyncGenerator<Finding> {
  yield* validateContent(await openSource(tools, parseLocation(name)))
}
