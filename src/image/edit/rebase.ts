import { createHash } from 'node:crypto'
import { TsbuildError } from '../../base/errors.ts'
import { canonicalJson } from '../../base/canonical-json.ts'
import type { Json } from '../../base/canonical-json.ts'
import { formatPlatform, samePlatform } from '../../oci/platform.ts'
import type { Descriptor } from '../../oci/types.ts'
import type { ContentSource } from '../transfer/endpoint.ts'
import type { RawConfig } from './edit-content.ts'
import { layerEntries, whiteoutOf } from './layer-entries.ts'
import type { SourceImage } from './read-image.ts'

/** A place with an image of it for the platform that is rebased. */
export interface RebaseImage {
  readonly source: ContentSource
  readonly image: SourceImage
}

export interface RebaseInput {
  readonly app: RebaseImage
  readonly oldBase: RebaseImage
  readonly newBase: RebaseImage
}

/** Why layers may not be moved: paths that the image's own layers touch and that differ between the bases. */
export interface RebaseProof {
  readonly layers: number
  readonly conflicts: readonly string[]
}

/**
 * Looks whether an image may change its base. Its lower layers must be the old base's, both bases must be of its platform, and nothing that its
 * own layers write, replace or remove may be something that the new base brings in another form. Errors: MANIFEST_INVALID for an image that
 * does not stand on the old base, PLATFORM_NOT_FOUND.
 */
export async function proveRebase({ app, oldBase, newBase }: RebaseInput): Promise<RebaseProof> {
  const own = app.image.config.rootfs.diff_ids
  const below = oldBase.image.config.rootfs.diff_ids
  if (below.length > own.length || !below.every((diffId, at) => own[at] === diffId)) {
    throw new TsbuildError(
      'MANIFEST_INVALID',
      `Cannot rebase ${app.source.name}: it does not stand on ${oldBase.source.name}`,
      {
        hint: 'Its lower layers are not those of the old base',
      },
    )
  }
  if (!samePlatform(app.image.config, newBase.image.config)) {
    throw new TsbuildError(
      'PLATFORM_NOT_FOUND',
      `Cannot rebase ${app.source.name}: it is made for ${formatPlatform(app.image.config)}, the new base for ${formatPlatform(newBase.image.config)}`,
    )
  }
  const touched = await touchedPaths(app, below.length)
  const before = await fingerprints(oldBase, touched)
  const after = await fingerprints(newBase, touched)
  const conflicts = [...touched.keys()].filter(
    (path) => before.get(path) !== after.get(path) && touched.get(path) !== 'directory',
  )
  return { layers: own.length - below.length, conflicts: conflicts.sort() }
}

/** The image on its new base: layers and history of the base replaced, config members that came from the old base as the new one has them. */
export function rebasedImage({ app, oldBase, newBase }: RebaseInput): {
  readonly manifestLayers: readonly Descriptor[]
  readonly config: RawConfig
} {
  const count = oldBase.image.manifest.layers.length
  const history = (image: SourceImage): readonly unknown[] =>
    Array.isArray(image.raw['history']) ? image.raw['history'] : []
  const ownHistory = history(app.image).slice(history(oldBase.image).length)
  return {
    manifestLayers: [...newBase.image.manifest.layers, ...app.image.manifest.layers.slice(count)],
    config: {
      ...app.image.raw,
      config: mergeConfig(app.image.raw['config'], oldBase.image.raw['config'], newBase.image.raw['config']),
      rootfs: {
        type: 'layers',
        diff_ids: [...newBase.image.config.rootfs.diff_ids, ...app.image.config.rootfs.diff_ids.slice(count)],
      },
      history: [...history(newBase.image), ...ownHistory],
    },
  }
}

/** Member by member: what the image has as its old base had it, follows the new base; variables and labels one by one. */
function mergeConfig(app: unknown, before: unknown, after: unknown): unknown {
  const [own, old, next] = [asObject(app), asObject(before), asObject(after)]
  const names = new Set([...Object.keys(own), ...Object.keys(next)])
  return Object.fromEntries(
    [...names].flatMap((name) => {
      const value =
        name === 'Env'
          ? mergeEnv(own[name], old[name], next[name])
          : isMap(own[name])
            ? mergeMap(own[name], old[name], next[name])
            : same(own[name], old[name])
              ? next[name]
              : own[name]
      return value === undefined ? [] : [[name, value]]
    }),
  )
}

function mergeMap(own: unknown, old: unknown, next: unknown): unknown {
  return mergeConfig(own, old, next)
}

function mergeEnv(own: unknown, old: unknown, next: unknown): readonly string[] {
  const map = (list: unknown): Readonly<Record<string, unknown>> =>
    Object.fromEntries(
      (Array.isArray(list) ? list : []).map((item) => [String(item).split('=', 1)[0] ?? '', String(item)]),
    )
  return Object.values(asObject(mergeConfig(map(own), map(old), map(next)))).map(String)
}

function same(a: unknown, b: unknown): boolean {
  return canonicalJson((a ?? null) as Json) === canonicalJson((b ?? null) as Json)
}

async function touchedPaths({ source, image }: RebaseImage, from: number): Promise<ReadonlyMap<string, string>> {
  const touched = new Map<string, string>()
  for (const layer of image.manifest.layers.slice(from)) {
    for await (const { path, header } of layerEntries(source, layer)) {
      const whiteout = whiteoutOf(path)
      touched.set(whiteout?.path ?? path, whiteout === undefined ? (header.type ?? 'file') : 'whiteout')
    }
  }
  return touched
}

/** What a base has at the paths that matter: type, owner, mode, link target and content. */
async function fingerprints(
  { source, image }: RebaseImage,
  paths: ReadonlyMap<string, string>,
): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>()
  for (const layer of image.manifest.layers) {
    for await (const { path, header, content } of layerEntries(source, layer)) {
      const whiteout = whiteoutOf(path)
      if (whiteout !== undefined) found.delete(whiteout.path)
      else if (paths.has(path)) {
        const hash = createHash('sha256')
        for await (const chunk of content) hash.update(chunk)
        const { type, mode, uid, gid, linkname } = header
        found.set(path, [type, mode, uid, gid, linkname, hash.digest('hex')].join(' '))
      }
    }
  }
  return found
}

function isMap(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return isMap(value) ? (value as Readonly<Record<string, unknown>>) : {}
}
