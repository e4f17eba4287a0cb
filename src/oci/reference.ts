import { TsbuildError } from '../base/errors.ts'
import { parseDigest } from './digest.ts'
import type { Digest } from './digest.ts'

/** A repository of a registry. `registry` is `host[:port]` with docker.io for Docker Hub, `repository` has library/ filled in. */
export interface Repository {
  readonly registry: string
  readonly repository: string
}

/** The name of an image. With a digest the tag is only a note: the digest decides what is meant. */
export interface Reference extends Repository {
  readonly tag: string | undefined
  readonly digest: Digest | undefined
}

export const defaultRegistry = 'docker.io'
export const defaultTag = 'latest'

const hostLabel = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])'
const hostPattern = new RegExp(`^(?:${hostLabel}(?:\\.${hostLabel})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?$`)
const pathPattern = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/
const tagPattern = /^\w[\w.-]{0,127}$/
/** Host, repository, tag and sha512 digest at their longest. */
const maxReferenceLength = 1024
/** distribution/reference RepositoryNameTotalLengthMax. */
const maxRepositoryLength = 255

/**
 * Parses an image name by docker's grammar (distribution/reference): `[host[:port]/]path[:tag][@digest]`. The first component is
 * a host when it has a dot, a colon or a capital letter, or is `localhost`. A tag that is not given stays undefined.
 * Errors: REFERENCE_INVALID, DIGEST_INVALID.
 */
export function parseReference(text: string): Reference {
  if (text.length > maxReferenceLength) throw invalid(text, `it has ${text.length} characters`)
  const at = text.indexOf('@')
  const named = at < 0 ? text : text.slice(0, at)
  const digest = at < 0 ? undefined : parseDigest(text.slice(at + 1))
  const colon = named.indexOf(':', named.lastIndexOf('/') + 1)
  const tag = colon < 0 ? undefined : named.slice(colon + 1)
  const name = colon < 0 ? named : named.slice(0, colon)
  if (tag !== undefined && !tagPattern.test(tag)) {
    throw invalid(text, `"${tag}" is not a tag: expected at most 128 letters, digits, "_", "." or "-"`)
  }
  return { ...parseName(text, name), tag, digest }
}

/** Parses a name that must have neither tag nor digest, as `search`, `ls` and `pull --all-tags` take it. Error: REFERENCE_INVALID. */
export function parseRepository(text: string): Repository {
  const { registry, repository, tag, digest } = parseReference(text)
  if (tag !== undefined || digest !== undefined) throw invalid(text, 'expected a repository without tag and digest')
  return { registry, repository }
}

/** `latest` where neither tag nor digest is given. */
export function withDefaultTag(reference: Reference): Reference {
  if (reference.tag !== undefined || reference.digest !== undefined) return reference
  return { ...reference, tag: defaultTag }
}

/** The same repository under another tag. Error: REFERENCE_INVALID. */
export function withTag(repository: Repository, tag: string): Reference {
  if (!tagPattern.test(tag)) throw invalid(tag, 'it is not a tag')
  return { registry: repository.registry, repository: repository.repository, tag, digest: undefined }
}

/** The same repository under a digest alone. */
export function withDigest(repository: Repository, digest: Digest): Reference {
  return { registry: repository.registry, repository: repository.repository, tag: undefined, digest }
}

export function isTag(text: string): boolean {
  return tagPattern.test(text)
}

/** `docker.io/library/busybox:1.36@sha256:…`: the full name, the key of a name in the store. */
export function formatReference(reference: Reference): string {
  return `${formatRepository(reference)}${suffix(reference)}`
}

export function formatRepository({ registry, repository }: Repository): string {
  return `${registry}/${repository}`
}

/** What people type and docker shows: `busybox:1.36`. */
export function familiarReference(reference: Reference): string {
  return `${familiarRepository(reference)}${suffix(reference)}`
}

/** `busybox`, `bitnami/redis`, `quay.io/x/y`. Names of Docker Hub that would read as a host keep `docker.io/`. */
export function familiarRepository({ registry, repository }: Repository): string {
  if (registry !== defaultRegistry) return `${registry}/${repository}`
  const short = repository.startsWith('library/') && !repository.includes('/', 8) ? repository.slice(8) : repository
  const first = short.slice(0, Math.max(0, short.indexOf('/')))
  return first !== '' && isHost(first) ? `${registry}/${repository}` : short
}

function suffix({ tag, digest }: Reference): string {
  return `${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`
}

function parseName(text: string, name: string): Repository {
  const { registry, path } = splitHost(name)
  const address = /^https?:\/\/(.*)$/.exec(text)?.[1]
  if (address !== undefined) throw invalid(text, 'it is a URL', `Use "${address}"`)
  if (registry !== defaultRegistry && !hostPattern.test(registry)) throw invalid(text, `"${registry}" is not a host`)
  if (path === '') throw invalid(text, 'the name is empty')
  if (path !== path.toLowerCase() && pathPattern.test(path.toLowerCase())) {
    throw invalid(text, `"${path}" has capital letters`, `Use "${path.toLowerCase()}"`)
  }
  if (!pathPattern.test(path)) {
    throw invalid(text, `"${path}" is not a repository name: expected lower-case letters, digits and single separators`)
  }
  if (/^[0-9a-f]{64}$/.test(name)) throw invalid(text, '64 hexadecimal digits are an image ID, not a name')
  const repository = registry === defaultRegistry && !path.includes('/') ? `library/${path}` : path
  if (repository.length > maxRepositoryLength) {
    throw invalid(
      text,
      `the repository has ${repository.length} characters, at most ${maxRepositoryLength} are allowed`,
    )
  }
  return { registry, repository }
}

function splitHost(name: string): { readonly registry: string; readonly path: string } {
  const slash = name.indexOf('/')
  const first = name.slice(0, Math.max(slash, 0))
  if (slash < 0 || !isHost(first)) return { registry: defaultRegistry, path: name }
  const registry = first === 'index.docker.io' ? defaultRegistry : first
  return { registry, path: name.slice(slash + 1) }
}

function isHost(component: string): boolean {
  return component === 'localhost' || /[.:[]/.test(component) || component !== component.toLowerCase()
}

function invalid(text: string, why: string, hint?: string): TsbuildError {
  const shown = text.length > 300 ? `${text.slice(0, 100)}…` : text
  return new TsbuildError(
    'REFERENCE_INVALID',
    `Cannot read image name "${shown}": ${why}`,
    hint === undefined ? {} : { hint },
  )
}
