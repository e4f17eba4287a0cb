import { resolve } from 'node:path'
import { nearest } from '@dockerfile/parser'
import type { LayerCompression } from '../../image/packed-layers.ts'
import type { Family } from '../../oci/media-types.ts'
import type { Platform } from '../../oci/types.ts'
import { outputAnnotations } from './annotation-option.ts'
import type { Annotation } from './annotation-option.ts'
import { readCompression } from './compression-keys.ts'
import { booleanOption, keyValues } from './key-values.ts'
import { invalidFlag } from '../../base/flag-error.ts'

/** What becomes of a build's result (`-o`). */
export type OutputSpec = ImageOutput | ArchiveOutput | FilesOutput | { readonly kind: 'none' }

/** How an image is written down. */
export interface ImageForm {
  /** Names besides those of `-t`. */
  readonly names: readonly string[]
  readonly compression: LayerCompression
  readonly format: Family
  readonly annotations: readonly Annotation[]
  /** `rewrite-timestamp`: it says that times should be clamped, which SOURCE_DATE_EPOCH does anyway. */
  readonly rewriteTimestamp: boolean
}

/** An image in the store, and in its registry with `push`. */
export interface ImageOutput extends ImageForm {
  readonly kind: 'image'
  readonly push: boolean
  /** The registry gets it without a tag. */
  readonly pushByDigest: boolean
  /** Without it nothing of the image is remembered here: it is only pushed. */
  readonly store: boolean
  /** It is pushed without TLS where the registry has none, and its certificate is not verified. */
  readonly insecureRegistry: boolean
  /** Each name is there with the digest, too. */
  readonly nameCanonical: boolean
  /** An image without a name is called `PREFIX@DIGEST`. */
  readonly danglingNamePrefix: string | undefined
}

export interface ArchiveOutput extends ImageForm {
  readonly kind: 'archive'
  readonly archive: 'docker' | 'oci'
  /** Absolute path; `-` is stdout. */
  readonly dest: string
  /** A layout folder instead of a tar. */
  readonly folder: boolean
}

/** The files of the result, without the image around them. */
export interface FilesOutput {
  readonly kind: 'tar' | 'local'
  readonly dest: string
  /** `delete`: what else is in the folder goes away. */
  readonly mode: 'copy' | 'delete'
  /** A folder for each platform; by default when there are several. */
  readonly platformSplit: boolean | undefined
}

const types = ['image', 'registry', 'docker', 'oci', 'tar', 'local', 'cacheonly'] as const
const formKeys = 'name compression compression-level force-compression oci-mediatypes rewrite-timestamp'.split(' ')
const imageKeys = [
  ...formKeys,
  ...'push push-by-digest name-canonical dangling-name-prefix unpack store registry.insecure'.split(' '),
]
const keysByType: Readonly<Record<(typeof types)[number], readonly string[]>> = {
  image: imageKeys,
  registry: imageKeys,
  docker: [...formKeys, 'dest', 'tar'],
  oci: [...formKeys, 'dest', 'tar'],
  tar: ['dest', 'platform-split'],
  local: ['dest', 'mode', 'platform-split'],
  cacheonly: [],
}

export interface OutputPlace {
  readonly cwd: string
  /** The machine's, for annotations that name a platform. */
  readonly platform: Platform
}

/** Parses one `-o`: a folder alone, `-` for a tar on stdout, or `type=…,key=value,…` as BuildKit has them. USAGE. */
export function parseOutput(text: string, { cwd, platform }: OutputPlace): OutputSpec {
  if (text === '-') return { kind: 'tar', dest: '-', mode: 'copy', platformSplit: undefined }
  if (!text.includes('=')) return { kind: 'local', dest: resolve(cwd, text), mode: 'copy', platformSplit: undefined }
  const values = keyValues('--output', text)
  const type = types.find((known) => known === values.get('type'))
  if (type === undefined) {
    const given = values.get('type')
    const near = given === undefined ? undefined : nearest(given, types)
    const hint = near === undefined ? `Types are ${types.join(', ')}` : `Did you mean "type=${near}"?`
    throw invalidFlag('--output', text, given === undefined ? 'it has no type' : `unknown type "${given}"`, hint)
  }
  refuseUnknown(text, values, keysByType[type])
  const form = (family: Family): ImageForm => imageForm(values, family, outputAnnotations(text, values, platform))
  switch (type) {
    case 'cacheonly':
      return { kind: 'none' }
    case 'tar':
    case 'local':
      return filesOutput(type, text, values, cwd)
    case 'image':
    case 'registry':
      return { ...imageOutput(values, form('oci')), push: type === 'registry' || flag(values, 'push', false) }
    case 'docker':
    case 'oci': {
      const given = values.get('dest')
      if (given === undefined && type === 'docker') return imageOutput(values, form('docker'))
      const dest = given ?? '-'
      const folder = !flag(values, 'tar', true)
      if (folder && dest === '-') throw invalidFlag('--output', text, 'a folder cannot be written to stdout')
      return { kind: 'archive', archive: type, ...form(type), dest: place(dest, cwd), folder }
    }
  }
}

/** What is done without `-o`: the image goes into the store. */
export function defaultOutput(): ImageOutput {
  return imageOutput(new Map(), imageForm(new Map(), 'oci', []))
}

function imageOutput(values: ReadonlyMap<string, string>, form: ImageForm): ImageOutput {
  flag(values, 'unpack', false) // what is built is unpacked in any case
  return {
    kind: 'image',
    ...form,
    push: flag(values, 'push', false),
    pushByDigest: flag(values, 'push-by-digest', false),
    store: flag(values, 'store', true),
    insecureRegistry: flag(values, 'registry.insecure', false),
    nameCanonical: flag(values, 'name-canonical', false),
    danglingNamePrefix: values.get('dangling-name-prefix'),
  }
}

function filesOutput(
  kind: 'tar' | 'local',
  text: string,
  values: ReadonlyMap<string, string>,
  cwd: string,
): FilesOutput {
  const dest = values.get('dest') ?? (kind === 'tar' ? '-' : undefined)
  if (dest === undefined) throw invalidFlag('--output', text, 'it has no dest', 'Write dest=FOLDER')
  if (kind === 'local' && dest === '-') throw invalidFlag('--output', text, 'a folder cannot be written to stdout')
  const mode = values.get('mode') ?? 'copy'
  if (mode !== 'copy' && mode !== 'delete')
    throw invalidFlag('--output', text, `unknown mode "${mode}"`, 'It is "copy" or "delete"')
  const split = values.get('platform-split')
  const platformSplit = split === undefined ? undefined : booleanOption('--output', 'platform-split', split)
  return { kind, dest: place(dest, cwd), mode, platformSplit }
}

function imageForm(values: ReadonlyMap<string, string>, family: Family, annotations: readonly Annotation[]): ImageForm {
  const oci = flag(values, 'oci-mediatypes', family === 'oci')
  return {
    names: (values.get('name') ?? '').split(',').filter((name) => name !== ''),
    compression: readCompression('--output', values, flag(values, 'force-compression', false)),
    format: oci ? 'oci' : 'docker',
    annotations,
    rewriteTimestamp: flag(values, 'rewrite-timestamp', false),
  }
}

function flag(values: ReadonlyMap<string, string>, key: string, fallback: boolean): boolean {
  const text = values.get(key)
  return text === undefined ? fallback : booleanOption('--output', key, text)
}

function place(dest: string, cwd: string): string {
  return dest === '-' ? dest : resolve(cwd, dest)
}

/** Where a type has form keys, it has annotations. */
function refuseUnknown(text: string, values: ReadonlyMap<string, string>, known: readonly string[]): void {
  for (const key of values.keys()) {
    if (key === 'type' || known.includes(key)) continue
    if (known.includes('name') && /^annotation[-[.]/.test(key)) continue
    const near = nearest(key, known)
    const hint = near === undefined ? `Keys are ${known.join(', ')}` : `Did you mean "${near}"?`
    throw invalidFlag('--output', text, `unknown key "${key}" of type=${values.get('type')}`, hint)
  }
}
