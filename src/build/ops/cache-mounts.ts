import { randomBytes } from 'node:crypto'
import { chmod, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { canonicalJson } from '../../base/canonical-json.ts'
import type { NativeCore, Tree } from '../../host/native.ts'
import { sha256 } from '../../oci/digest.ts'
import type { Store } from '../../store/store.ts'
import type { CacheMountRecords } from './cache-mount-records.ts'
import type { ExecMount } from './op.ts'

export interface CacheMountRequest extends Omit<
  Extract<ExecMount, { readonly kind: 'cache' }>,
  'kind' | 'input' | 'target'
> {
  /** What a new cache starts from, with a name of its content. */
  readonly from?: { readonly tree: Tree; readonly identity: string }
}

type CacheOwner = NonNullable<CacheMountRequest['owner']>

/** A cache in use; it is not pruned before it is disposed. */
export interface OpenCacheMount extends AsyncDisposable {
  readonly tree: Tree
}

/**
 * Directories that live on between builds, for `RUN --mount=type=cache`. `shared` gives all users one directory, `locked` lets
 * them wait for each other, `private` gives each concurrent user one of its own.
 */
export interface CacheMounts {
  open(request: CacheMountRequest, signal: AbortSignal): Promise<OpenCacheMount>
  /** Removes the caches of these ids, so that their next users start anew. Those in use stay. */
  forget(ids: ReadonlySet<string>, signal: AbortSignal): Promise<void>
}

/** One maker at a time: a directory without a record belongs to it, or to nobody. */
export const makerClaim = 'cache-mount-make'

export interface CacheMountTools {
  readonly store: Store
  readonly native: NativeCore
  readonly records: CacheMountRecords
  /** Path of a tar that a new cache of that key starts with, when an imported cache has one. */
  readonly seed: (key: string, signal: AbortSignal) => Promise<string | undefined>
}

export function createCacheMounts({ store, native, records, seed }: CacheMountTools): CacheMounts {
  const { lease } = store

  async function make(key: string, request: CacheMountRequest, signal: AbortSignal): Promise<void> {
    const name = randomBytes(8).toString('hex')
    const directory = join(store.root, 'caches', name)
    await mkdir(directory, { recursive: true, mode: 0o700 })
    const target: Tree = { kind: 'layers', lower: [], upper: directory }
    const { owner, from, source } = request
    const actions = [
      makeDirectory('/data', owner),
      ...(from === undefined || owner !== undefined ? [] : [copyOf(from.tree, source)]),
    ]
    await native.call('files', { target, actions, commit: null }, { signal })
    const imported = await seed(key, signal)
    if (imported !== undefined) {
      const data: Tree = { kind: 'dir', path: join(directory, 'data') }
      await native.call(
        'apply',
        { blob: imported, mediaCompression: 'auto', target: data, mode: 'alone', expect: null },
        { signal },
      )
    }
    await chmod(directory, 0o711)
    records.insert(key, request.id, name)
  }

  return {
    async open(request, signal) {
      const key = cacheKey(request)
      const exclusive = request.sharing === 'private'
      let used = records.use(key, exclusive)
      if (used === undefined) {
        using _maker = await lease.claim(makerClaim, signal)
        used = records.use(key, exclusive)
        if (used === undefined) {
          await make(key, request, signal)
          used = records.use(key, exclusive)
        }
      }
      if (used === undefined) throw new Error('A cache that was just made is already in use')
      using stack = new DisposableStack()
      stack.use(used.claim)
      if (request.sharing === 'locked') stack.use(await lease.claim(`cache-mount-lock:${used.id}`, signal))
      const data = join(store.root, 'caches', used.directory, 'data')
      if (request.from === undefined && request.source !== '/') {
        const target: Tree = { kind: 'layers', lower: [], upper: data }
        await native.call('files', { target, actions: [makeDirectory(request.source)], commit: null }, { signal })
      }
      const owned = stack.move()
      return {
        tree: { kind: 'dir', path: data },
        [Symbol.asyncDispose]: async () => owned.dispose(),
      }
    },
    async forget(ids, signal) {
      using _maker = await lease.claim(makerClaim, signal)
      const gone = records.entries().filter(({ id, name }) => ids.has(name) && records.remove(id))
      if (gone.length === 0) return
      const names = gone.map(({ directory }) => directory)
      await native.call('remove', { root: join(store.root, 'caches'), names }, { signal })
    },
  }
}

const rootOwned = { uid: 0, gid: 0, mode: 0o755 }

function makeDirectory(path: string, { uid, gid, mode }: CacheOwner = rootOwned): object {
  return { op: 'mkdir', path, mode, owner: { user: String(uid), group: String(gid) } }
}

/** Below its own path, so that the folder comes with its owner and mode. */
function copyOf(tree: Tree, source: string): object {
  return {
    op: 'copy',
    from: tree,
    ignore: null,
    owners: 'keep',
    sources: [{ path: source.slice(1) }],
    exclude: null,
    parents: source !== '/',
    dest: '/data/',
    owner: null,
    chmod: null,
    archives: 'keep',
    manifest: null,
  }
}

/** Tells caches apart. Each start has its own: what it is copied from, or the owner of its directory. */
export function cacheKey({ id, owner, from, source }: CacheMountRequest): string {
  if (from === undefined && owner === undefined) return id
  return sha256(canonicalJson([id, from === undefined ? null : [from.identity, source], owner ?? null]))
}
