import { createHash } from 'node:crypto'
import { canonicalJson } from '../../base/canonical-json.ts'
import type { Json } from '../../base/canonical-json.ts'
import type { Descriptor } from '../../oci/types.ts'
import type { ContentSource } from '../transfer/endpoint.ts'
import type { RawConfig } from './edit-content.ts'
import { layerEntries, whiteoutOf } from './layer-entries.ts'
import { parsePackages } from './packages.ts'
import type { SourceImage } from './read-image.ts'

export interface Change<T> {
  readonly name: string
  readonly kind: 'added' | 'removed' | 'changed'
  readonly before: T | undefined
  readonly after: T | undefined
}

export interface ImageDiff {
  readonly config: readonly Change<unknown>[]
  readonly packages: readonly Change<string>[]
  readonly files: readonly Change<FileFacts>[]
}

export interface FileFacts {
  readonly type: string
  readonly mode: number
  readonly owner: string
  readonly size: number
  readonly link: string
  /** SHA-256 of the content; empty for what has none. */
  readonly digest: string
}

/** What differs between two images: config members, packages of dpkg and apk, files. Layers that both have are not read. */
export async function diffImages(
  a: { readonly source: ContentSource; readonly image: SourceImage },
  b: { readonly source: ContentSource; readonly image: SourceImage },
): Promise<ImageDiff> {
  const shared = sharedLayers(a.image, b.image)
  const identical = shared === a.image.manifest.layers.length && shared === b.image.manifest.layers.length
  const base = identical ? noFiles() : await readFiles(noFiles(), a.source, a.image.manifest.layers.slice(0, shared))
  const before = await readFiles(base, a.source, a.image.manifest.layers.slice(shared))
  const after = await readFiles(base, b.source, b.image.manifest.layers.slice(shared))
  return {
    config: changes(
      flat(a.image.raw),
      flat(b.image.raw),
      (x, y) => canonicalJson((x ?? null) as Json) === canonicalJson((y ?? null) as Json),
    ),
    packages: changes(before.packages, after.packages, (x, y) => x === y),
    files: changes(before.files, after.files, (x, y) => JSON.stringify(x) === JSON.stringify(y)),
  }
}

/** How many layers from the base are the same: those are read once for both. */
function sharedLayers(a: SourceImage, b: SourceImage): number {
  const differs = a.manifest.layers.findIndex((layer, at) => b.manifest.layers[at]?.digest !== layer.digest)
  return differs < 0 ? a.manifest.layers.length : differs
}

interface Files {
  readonly files: ReadonlyMap<string, FileFacts>
  readonly packages: ReadonlyMap<string, string>
}

function noFiles(): Files {
  return { files: new Map(), packages: new Map() }
}

/** What lies at the end of some layers on top of `below`. */
async function readFiles(below: Files, source: ContentSource, layers: readonly Descriptor[]): Promise<Files> {
  const files = new Map(below.files)
  let packages = below.packages
  for (const layer of layers) {
    for await (const { path, header, content } of layerEntries(source, layer)) {
      const whiteout = whiteoutOf(path)
      if (whiteout !== undefined) {
        for (const name of files.keys()) {
          if ((whiteout.kind === 'remove' && name === whiteout.path) || name.startsWith(`${whiteout.path}/`))
            files.delete(name)
        }
        continue
      }
      const hash = createHash('sha256')
      const kept: Uint8Array[] = []
      const database =
        /^(?:var\/lib\/dpkg\/(?:status|status\.d\/[^/]+)|lib\/apk\/db\/installed|usr\/lib\/apk\/db\/installed)$/.test(
          path,
        )
      for await (const chunk of content) {
        hash.update(chunk)
        if (database) kept.push(chunk)
      }
      if (database) packages = mergedPackages(packages, path, Buffer.concat(kept).toString('utf8'))
      files.set(path, {
        type: header.type ?? 'file',
        mode: header.mode ?? 0,
        owner: `${header.uid ?? 0}:${header.gid ?? 0}`,
        size: header.size ?? 0,
        link: header.linkname ?? '',
        digest: header.type === 'file' ? hash.digest('hex') : '',
      })
    }
  }
  return { files, packages }
}

/** A database replaces what an earlier form of it said; distroless images have one file per package. */
function mergedPackages(current: ReadonlyMap<string, string>, path: string, text: string): ReadonlyMap<string, string> {
  const found = parsePackages(text)
  return path.includes('status.d/') ? new Map([...current, ...found]) : found
}

function changes<T>(
  before: ReadonlyMap<string, T>,
  after: ReadonlyMap<string, T>,
  same: (a: T, b: T) => boolean,
): readonly Change<T>[] {
  const names = [...new Set([...before.keys(), ...after.keys()])].sort()
  return names.flatMap((name): readonly Change<T>[] => {
    const [old, next] = [before.get(name), after.get(name)]
    if (old === undefined && next !== undefined) return [{ name, kind: 'added', before: undefined, after: next }]
    if (old !== undefined && next === undefined) return [{ name, kind: 'removed', before: old, after: undefined }]
    if (old !== undefined && next !== undefined && !same(old, next))
      return [{ name, kind: 'changed', before: old, after: next }]
    return []
  })
}

/** Members of the config that people care about, two levels deep; layers and history are told by the files. */
function flat(config: RawConfig): ReadonlyMap<string, unknown> {
  const found = new Map<string, unknown>()
  for (const [name, value] of Object.entries(config)) {
    if (name === 'history' || name === 'rootfs') continue
    if (name === 'config' && typeof value === 'object' && value !== null) {
      for (const [inner, item] of Object.entries(value)) if (item !== null) found.set(`config.${inner}`, item)
    } else found.set(name, value)
  }
  return found
}
