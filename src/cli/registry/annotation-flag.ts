import { TsbuildError } from '../../base/errors.ts'
import type { EntryAnnotation } from '../../image/edit/join-index.ts'
import { parsePlatform } from '../../oci/platform.ts'
import type { Platform } from '../../oci/types.ts'
import { pairs } from './pairs.ts'

export interface IndexAnnotations {
  readonly annotations: Readonly<Record<string, string>>
  readonly entryAnnotations: readonly EntryAnnotation[]
}

/** buildx's `--annotation [TYPE[PLATFORM]:]NAME=VALUE` where an index is made: `index:` (default) and `manifest-descriptor[os/arch]:`. USAGE. */
export function indexAnnotations(texts: readonly string[], host: Platform): IndexAnnotations {
  const annotations: Record<string, string> = {}
  const entryAnnotations: EntryAnnotation[] = []
  for (const text of texts) {
    const [, types = 'index', pair = text] = /^((?:[a-z-]+(?:\[[^\]]*\])?,?)+):(.*)$/s.exec(text) ?? []
    const named = pairs('annotation', [pair])
    for (const type of types.split(',')) {
      const [, kind = '', platform] = /^([a-z-]+)(?:\[([^\]]*)\])?$/.exec(type) ?? []
      if (kind === 'index') Object.assign(annotations, named)
      else if (kind === 'manifest-descriptor') {
        const only = platform === undefined ? undefined : parsePlatform(platform, host)
        for (const [name, value] of Object.entries(named)) entryAnnotations.push({ platform: only, name, value })
      } else {
        throw new TsbuildError('USAGE', `Cannot use --annotation "${text}": an index has no "${type}"`, {
          hint: 'There are index and manifest-descriptor[PLATFORM]; "registry mutate" changes manifests',
        })
      }
    }
  }
  return { annotations, entryAnnotations }
}
