import { TsbuildError } from '../../base/errors.ts'
import { parseReference, withDefaultTag } from '../../oci/reference.ts'
import type { Reference } from '../../oci/reference.ts'

/** Where an image is or is to go. */
export type Location =
  | { readonly kind: 'registry'; readonly reference: Reference }
  | { readonly kind: 'store'; readonly name: string }
  | { readonly kind: 'layout'; readonly path: string; readonly tag: string | undefined }
  | {
      readonly kind: 'archive'
      readonly path: string
      readonly tag: string | undefined
      readonly format: 'oci' | 'docker'
    }

/**
 * Reads a location: a name is one of a registry (`docker://` may stand before it); `store:NAME` is the local store,
 * `oci:FOLDER[:TAG]` a layout, `oci-archive:FILE[:TAG]` and `docker-archive:FILE[:NAME]` archives. Errors: USAGE, REFERENCE_INVALID.
 */
export function parseLocation(text: string): Location {
  const match = /^(docker:\/\/|store:|containers-storage:|oci:|oci-archive:|docker-archive:)(.*)$/s.exec(text)
  const [, scheme, rest = ''] = match ?? []
  if (match !== null && rest === '') throw new TsbuildError('USAGE', `Cannot use "${text}": nothing follows the prefix`)
  switch (scheme) {
    case undefined:
      return { kind: 'registry', reference: withDefaultTag(parseReference(text)) }
    case 'docker://':
      return { kind: 'registry', reference: withDefaultTag(parseReference(rest)) }
    case 'store:':
      return { kind: 'store', name: rest }
    case 'oci:':
      return { kind: 'layout', ...pathAndTag(rest) }
    case 'oci-archive:':
      return { kind: 'archive', format: 'oci', ...pathAndTag(rest) }
    case 'docker-archive:':
      return { kind: 'archive', format: 'docker', ...pathAndTag(rest) }
    default:
      throw new TsbuildError('USAGE', `Cannot use "${text}": images of other engines are reached through an archive`, {
        hint: 'podman save IMAGE | tsbuild load',
      })
  }
}

export function formatLocation(location: Location): string {
  switch (location.kind) {
    case 'registry': {
      const { registry, repository, tag, digest } = location.reference
      return `${registry}/${repository}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`
    }
    case 'store':
      return `store:${location.name}`
    case 'layout':
      return `oci:${location.path}${location.tag === undefined ? '' : `:${location.tag}`}`
    case 'archive':
      return `${location.format}-archive:${location.path}${location.tag === undefined ? '' : `:${location.tag}`}`
  }
}

/** A colon after the last slash of the path begins the tag; a name may itself have slashes and a tag. */
function pathAndTag(text: string): { readonly path: string; readonly tag: string | undefined } {
  const colon = text.indexOf(':')
  return colon < 0
    ? { path: text, tag: undefined }
    : { path: text.slice(0, colon), tag: text.slice(colon + 1) || undefined }
}
