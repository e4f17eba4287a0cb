import { parseChmod } from '@dockerfile/parser'
import type { Range } from '@dockerfile/parser'
import { problemError } from '../located.ts'
import { place } from './site.ts'
import type { Site } from './site.ts'

/** Refuses a `--chmod` that is neither octal up to 7777 nor symbolic. */
export function checkChmod(site: Site, range: Range, text: string): void {
  if (text === '') return
  const parsed = parseChmod(text)
  if (!parsed.ok) throw problemError(site.request.dockerfile, place(site, range), parsed.problem)
}
