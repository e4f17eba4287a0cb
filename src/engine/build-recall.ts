import { realpathSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { canonicalJson } from '../base/canonical-json.ts'
import type { Json } from '../base/canonical-json.ts'
import { TsbuildError, hasErrno } from '../base/errors.ts'
import { shortHash } from '../base/short-hash.ts'
import { commit, version } from '../base/version.ts'
import { mainContext } from '../build/context/build-context.ts'
import { readDockerfile } from '../build/context/dockerfile-text.ts'
import { readIgnoreFile } from '../build/context/read-text.ts'
import { internalStep, shownStep } from '../build/internal-step.ts'
import { walkContext } from '../build/ops/context-walk.ts'
import { defaultOutput } from '../build/options/output-option.ts'
import { rememberedBuilds } from '../build/recall/remembered-build.ts'
import type { BuildKey, RememberedBuild } from '../build/recall/remembered-build.ts'
import { findTarget } from '../image/find-image.ts'
import { sha256 } from '../oci/digest.ts'
import { formatReference, parseReference, withDefaultTag } from '../oci/reference.ts'
import { engineCacheRecords } from './builder-cache.ts'
import type { OutputsResult } from './build-outputs.ts'
import type { BuildRequest } from './build-request.ts'
import type { Engine, VerbContext } from './engine.ts'
import { imageName } from './image-name.ts'

/** A build whose result can be remembered: all that it depends on can be looked at again in a moment. */
export interface RecallableBuild {
  /** Names the description of the build: whatever decides its plan, except what `RememberedBuild` keeps. */
  readonly key: BuildKey
  /** Its contexts by name: folders, without links. */
  readonly folders: ReadonlyMap<string, string>
}

/**
 * What a request describes. Undefined where the result cannot be remembered: it is to be made anew, goes elsewhere than into the
 * store, or depends on more than folders and the images of the store. What cannot be read is left to the build itself.
 */
export async function recallable(
  engine: Engine,
  request: BuildRequest,
  signal: AbortSignal,
): Promise<RecallableBuild | undefined> {
  const { platform } = engine.settings
  // Neither do these change a result that is known, nor may they all be written down.
  const {
    tags: _t,
    secrets: _s,
    agents: _a,
    limits: _l,
    jobs: _j,
    onError: _e,
    stdin: _i,
    stdout: _o,
    ...rest
  } = request
  const { noCache, pull, verify, squash, cacheFrom, cacheTo, outputs } = rest
  if (noCache === true || (noCache !== false && noCache.length > 0) || verify || squash) return undefined
  if (pull === 'always' || pull === 'newer' || cacheFrom.length + cacheTo.length > 0) return undefined
  if (describe(outputs) !== describe([defaultOutput()])) return undefined
  try {
    const texts = await readTexts(engine, request, signal)
    if (texts === undefined) return undefined
    const { folders, ...read } = texts
    const description = describe({ version, commit, platform, folders, ...read, ...rest })
    return { key: { short: shortHash(description), digest: () => sha256(description) }, folders }
  } catch (error) {
    if (error instanceof TsbuildError || hasErrno(error, 'ENOENT', 'EACCES', 'ENOTDIR', 'ELOOP')) return undefined
    throw error
  }
}

interface Texts {
  readonly folders: ReadonlyMap<string, string>
  readonly dockerfile: unknown
  readonly ignores: readonly unknown[]
}

/** What is read of a build's contexts before it is planned. Undefined when one of them is not a folder. */
async function readTexts(
  { settings: { cwd } }: Engine,
  { context, contexts, file, stdin }: BuildRequest,
  signal: AbortSignal,
): Promise<Texts | undefined> {
  const sources = [[mainContext, context] as const, ...contexts]
  if (sources.some(([, source]) => source === '-' || elsewhere.test(source)) || elsewhere.test(file ?? ''))
    return undefined
  const folders = new Map<string, string>()
  for (const [name, source] of sources) folders.set(name, realpathSync.native(resolve(cwd, source)))
  const path = resolve(cwd, file ?? join(context, 'Dockerfile'))
  // A pipe gives what it has once, to the build.
  if ([path, `${path}.dockerignore`].some(isPipe)) return undefined
  const dockerfile =
    file === '-' ? await stdin() : await readDockerfile(path, path, { context: resolve(cwd, context), signal })
  const ignores = await Promise.all(
    [...folders].map(([name, folder]) => {
      const own = name === mainContext && file !== '-' ? [`${path}.dockerignore`] : []
      return readIgnoreFile([...own, join(folder, '.dockerignore')], folder, signal)
    }),
  )
  return { folders, dockerfile, ignores }
}

function isPipe(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFIFO() === true
}

/** URLs, and git repositories in the forms that need none. */
const elsewhere = /^(?:[a-z][a-z0-9+.-]*:|[^/]+@|github\.com\/)/i

/**
 * The result of an equal build, when everything that it stood on is as it was: base images, the files that its copies read, the
 * records of the cache. Undefined when anything differs; the build is then planned and solved.
 */
export async function recallBuild(
  engine: Engine,
  { key, folders }: RecallableBuild,
  request: BuildRequest,
  { emit, signal }: VerbContext,
): Promise<OutputsResult | undefined> {
  const known = rememberedBuilds(engine.store.db).find(key)
  if (known === undefined) return undefined
  // The core walks while Node loads what a digest takes; whatever it finds counts only for the right build.
  const walked = sameFiles(engine, known, folders, signal)
  walked.catch(() => {}) // awaited below, unless something else differs already
  if (key.digest() !== known.digest) return undefined
  const names = request.tags.map((tag) => withDefaultTag(parseReference(tag)))
  if (!(await sameBases(engine, known))) return undefined
  const cache = engineCacheRecords(engine)
  const top = cache.byIdentity(known.image.top)
  if (top === undefined || !cache.holds(known.records)) return undefined
  if (!(await walked)) return undefined

  const done = async (): Promise<void> => {}
  await internalStep(emit, 'load build definition', done)
  for (const { reference } of known.bases) await internalStep(emit, `load metadata for ${reference}`, done)
  for (const step of known.steps) emit({ kind: 'vertex', ...step, state: 'cached', at: Date.now() })
  const { config, annotations } = known.image
  const { format } = defaultOutput()
  const image = await shownStep(emit, 'exporting to image', () =>
    engine.images.create({ config, top, names, format, ...(annotations === undefined ? {} : { annotations }) }),
  )
  for (const notice of known.notices) emit(notice)
  cache.touch()
  return { images: [image], target: image.target, names }
}

async function sameBases(engine: Engine, { bases }: RememberedBuild): Promise<boolean> {
  for (const { name, reference, target } of bases) {
    const meant = await imageName(engine, name, engine.settings.platform)
    if (formatReference(meant) !== reference || findTarget(engine.imageRecords, meant)?.digest !== target) return false
  }
  return true
}

async function sameFiles(
  { native, store }: Engine,
  { contexts }: RememberedBuild,
  folders: RecallableBuild['folders'],
  signal: AbortSignal,
): Promise<boolean> {
  for (const { name, ignore, index, selections } of contexts) {
    const path = folders.get(name)
    if (path === undefined) return false
    const wanted = selections.map(({ id, plan }) => ({ id, plan, manifest: null }))
    const found = await walkContext(native, { path, ignore, index: join(store.paths.contexts, index) }, wanted, signal)
    if (!selections.every(({ id, digest }) => found.get(id)?.digest === digest)) return false
  }
  return true
}

/** One text for equal descriptions, another for any that differ: nothing that it does not understand may be left out. */
function describe(value: unknown): string {
  return canonicalJson(toJson(value))
}

function toJson(value: unknown): Json {
  if (value === undefined) return { absent: true }
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    return value
  if (value instanceof Uint8Array) return Buffer.from(value).toString('latin1')
  if (value instanceof Map) return [...value].map(toJson)
  if (value instanceof Set) return [...value].map(toJson)
  if (Array.isArray(value)) return value.map(toJson)
  if (typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype)
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, toJson(member)]))
  throw new TypeError(`A build cannot be described by a ${typeof value}`)
}
