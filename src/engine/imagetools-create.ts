import { TsbuildError } from '../base/errors.ts'
import { joinIndex, plainParts } from '../image/edit/join-index.ts'
import type { IndexPart, IndexParts } from '../image/edit/join-index.ts'
import { parseLocation } from '../image/transfer/location.ts'
import type { RawManifest } from '../image/transfer/endpoint.ts'
import { isDigest, parseDigest } from '../oci/digest.ts'
import type { Digest } from '../oci/digest.ts'
import { optional, readJson } from '../oci/json.ts'
import { readPlatform } from '../oci/manifest.ts'
import { formatRepository, parseReference, withDefaultTag, withDigest } from '../oci/reference.ts'
import type { Repository } from '../oci/reference.ts'
import { openSource } from './open-location.ts'
import type { LocationTools } from './open-location.ts'
import type { CopiedImage } from './registry-copy.ts'
import { writeEdited } from './registry-write.ts'

export interface ImagetoolsCreateRequest extends Pick<
  IndexParts,
  'family' | 'annotations' | 'entryAnnotations' | 'platforms' | 'single'
> {
  /** Locations, digests of the target's repository, or descriptors as JSON. */
  readonly sources: readonly string[]
  readonly targets: readonly string[]
  /** Adds to what the first target is now. */
  readonly append: boolean
  readonly dryRun: boolean
}

export interface ImagetoolsCreated {
  readonly manifest: RawManifest
  /** Nothing in a dry run. */
  readonly written: readonly CopiedImage[]
}

/** buildx's `imagetools create`: one index of images and indexes, under several names. Errors: USAGE and those of the places. */
export async function imagetoolsCreate(
  tools: LocationTools,
  request: ImagetoolsCreateRequest,
): Promise<ImagetoolsCreated> {
  const sources = [...(request.append ? request.targets.slice(0, 1) : []), ...request.sources].map(readSource)
  const home = onlyRepository(sources, request.targets)
  const parts = await Promise.all(sources.map((source) => openPart(tools, source, home)))
  const joined = await joinIndex({ ...plainParts, ...request, parts, samePlatform: 'keep' })
  const written: CopiedImage[] = []
  if (!request.dryRun)
    for (const target of request.targets) written.push(await writeEdited(tools, joined, target, request))
  return { manifest: await joined.resolve(), written }
}

interface Source extends Pick<IndexPart, 'platform' | 'annotations'> {
  readonly text: string
  /** Of something in the repository of the target, where the text is no location. */
  readonly digest?: Digest
}

function readSource(given: string): Source {
  const text = given.trim()
  if (isDigest(text)) return { text, digest: parseDigest(text) }
  if (!text.startsWith('{')) return { text }
  const root = readJson(Buffer.from(text), { code: 'USAGE', what: 'the descriptor of a source' })
  return {
    text: 'a descriptor',
    digest: root.get('digest').digest(),
    platform: optional(root.get('platform'), readPlatform),
    annotations: optional(root.get('annotations'), (item) => item.record((value) => value.string())),
  }
}

/** Where digests are looked for: all names that are given must be of one repository. */
function onlyRepository(sources: readonly Source[], targets: readonly string[]): Repository | undefined {
  const names = [...targets, ...sources.filter(({ digest }) => digest === undefined).map(({ text }) => text)]
  const repositories = new Map<string, Repository>()
  for (const name of names) {
    const location = parseLocation(name)
    if (location.kind === 'registry') repositories.set(formatRepository(location.reference), location.reference)
  }
  return repositories.size === 1 ? [...repositories.values()][0] : undefined
}

async function openPart(tools: LocationTools, source: Source, home: Repository | undefined): Promise<IndexPart> {
  const { text, digest, platform, annotations } = source
  if (digest === undefined) return { source: await openSource(tools, parseLocation(text)) }
  if (home === undefined)
    throw new TsbuildError('USAGE', `Cannot find ${digest}: the names given are not of one repository`, {
      hint: 'Write NAME@DIGEST',
    })
  const location = { kind: 'registry', reference: withDigest(home, digest) } as const
  return { source: await openSource(tools, location), platform, annotations }
}

/** `a:1` as buildx names it in its metadata file: with registry and tag. */
export function fullName(target: string): string {
  const { registry, repository, tag } = withDefaultTag(parseReference(target))
  return `${registry}/${repository}${tag === undefined ? '' : `:${tag}`}`
}
