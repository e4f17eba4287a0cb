import { mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname, isAbsolute, join, relative, resolve } from 'node:path'
import { parseGitSource } from '@dockerfile/parser'
import type { GitSource } from '@dockerfile/parser'
import { TsbuildError } from '../../base/errors.ts'
import type { NativeCore } from '../../host/native.ts'
import { mainContext } from './build-context.ts'
import type { BuildContext } from './build-context.ts'
import { readDockerfile } from './dockerfile-text.ts'
import type { DockerfileText } from './dockerfile-text.ts'
import { openFolder } from './local-folder.ts'
import type { FolderOptions } from './local-folder.ts'
import { isArchive, isArchiveHead } from './archive-kind.ts'
import { newestFile } from './source-time.ts'
import { unpack } from './unpack.ts'

export interface ContextTools {
  readonly native: NativeCore
  readonly cwd: string
  /** Where digests of file contents are remembered between builds. */
  readonly indexes: string
  /** Folder for what is fetched for this build; it is removed after it. */
  readonly scratch: string
  readonly stdin: () => Promise<Uint8Array>
  /** Brings a URL's content into a file; gives the server's time of it in milliseconds. */
  readonly download: (url: string, path: string, signal: AbortSignal) => Promise<{ readonly modified?: number }>
  /** Checks a repository out into a folder; gives the commit's time in milliseconds. */
  readonly checkout: (
    git: GitSource,
    folder: string,
    signal: AbortSignal,
  ) => Promise<{ readonly committed: number; readonly path: string }>
  readonly signal: AbortSignal
}

export interface MainContext {
  readonly context: BuildContext
  readonly dockerfile: DockerfileText
}

/**
 * Opens what the last argument of `build` names: a folder, `-` (a Dockerfile or an archive on stdin), a URL (the same), a git
 * repository. `file` is `-f`: relative to the working directory for a folder, to the context for anything fetched, `-` is stdin.
 */
export async function openMainContext(
  source: string,
  file: string | undefined,
  tools: ContextTools,
): Promise<MainContext> {
  const git = gitSource(source)
  if (git !== undefined) return openGit(source, git, file, tools)
  if (/^https?:\/\//.test(source)) return openUrl(source, file, tools)
  if (source === '-') {
    if (file === '-') {
      throw new TsbuildError('USAGE', 'The Dockerfile and the build context cannot both come from stdin', {
        hint: 'Name one of them as a file or folder',
      })
    }
    return openBytes('stdin', await tools.stdin(), file, tools)
  }
  const path = resolve(tools.cwd, source)
  const { signal } = tools
  const shared = { name: mainContext, path, title: source, indexes: tools.indexes, signal }
  if (file === '-') {
    const context = await openFolder(shared)
    return { context, dockerfile: { filename: 'Dockerfile', bytes: await tools.stdin() } }
  }
  if (file !== undefined && /^https?:\/\//.test(file)) {
    const context = await openFolder(shared)
    return { context, dockerfile: await fetchDockerfile(file, tools) }
  }
  const dockerfilePath = file === undefined ? join(path, 'Dockerfile') : resolve(tools.cwd, file)
  const context = await openFolder({ ...shared, dockerfile: dockerfilePath })
  return {
    context,
    dockerfile: await readDockerfile(dockerfilePath, shownName(path, dockerfilePath, file), { context: path, signal }),
  }
}

/** What `--build-context name=source` names when it is files: a folder, a URL of an archive, a git repository. */
export async function openNamedContext(name: string, source: string, tools: ContextTools): Promise<BuildContext> {
  const git = gitSource(source)
  if (git !== undefined) {
    const { folder, dispose } = await scratchFolder(tools, name)
    const { path, committed } = await tools.checkout(git, folder, tools.signal)
    return openFolder({
      name,
      path,
      title: source,
      indexes: null,
      dispose,
      time: async () => committed,
      signal: tools.signal,
    })
  }
  if (/^https?:\/\//.test(source)) {
    const { folder, dispose } = await scratchFolder(tools, name)
    const archive = `${folder}.download`
    const { modified } = await tools.download(source, archive, tools.signal)
    await unpack(archive, folder, tools)
    await rm(archive, { force: true })
    const time = async (): Promise<number | undefined> => modified ?? (await newestFile(folder))
    return openFolder({ name, path: folder, title: source, indexes: null, dispose, time, signal: tools.signal })
  }
  return openFolder({
    name,
    path: resolve(tools.cwd, source),
    title: source,
    indexes: tools.indexes,
    signal: tools.signal,
  })
}

/** `github.com/…` needs no scheme, as in docker. */
function gitSource(source: string): GitSource | undefined {
  const parsed = parseGitSource(source.startsWith('github.com/') ? `https://${withGit(source)}` : source)
  if (parsed === undefined) return undefined
  if (parsed.ok) return parsed.value
  const { message, hint } = parsed.problem
  throw new TsbuildError('USAGE', `Cannot read the build context: ${message}`, hint === undefined ? {} : { hint })
}

function withGit(source: string): string {
  const [, path = '', rest = ''] = /^([^#?]*)(.*)$/s.exec(source) ?? []
  return path.endsWith('.git') ? source : `${path.replace(/\/$/, '')}.git${rest}`
}

async function openGit(
  title: string,
  git: GitSource,
  file: string | undefined,
  tools: ContextTools,
): Promise<MainContext> {
  const { folder, dispose } = await scratchFolder(tools, mainContext)
  const { committed, path } = await tools.checkout(git, folder, tools.signal)
  return openFetched({ title, folder: path, dispose, time: async () => committed }, file, tools)
}

async function openUrl(url: string, file: string | undefined, tools: ContextTools): Promise<MainContext> {
  await mkdir(tools.scratch, { recursive: true, mode: 0o700 })
  const path = join(tools.scratch, 'context.download')
  const { modified } = await tools.download(url, path, tools.signal)
  if (await isArchive(path)) return openArchive(url, path, file, tools, modified)
  const dockerfile = await readDockerfile(path, url, tools)
  const context = await emptyContext(tools, modified)
  return { context, dockerfile: { ...dockerfile, filename: 'Dockerfile' } }
}

async function openBytes(
  title: string,
  bytes: Uint8Array,
  file: string | undefined,
  tools: ContextTools,
): Promise<MainContext> {
  if (!isArchiveHead(bytes)) {
    return { context: await emptyContext(tools), dockerfile: { filename: 'Dockerfile', bytes } }
  }
  await mkdir(tools.scratch, { recursive: true, mode: 0o700 })
  const path = join(tools.scratch, 'context.download')
  await writeFile(path, bytes, { mode: 0o600 })
  return openArchive(title, path, file, tools)
}

async function openArchive(
  title: string,
  archive: string,
  file: string | undefined,
  tools: ContextTools,
  modified?: number,
): Promise<MainContext> {
  const { folder, dispose } = await scratchFolder(tools, mainContext)
  await unpack(archive, folder, tools)
  await rm(archive, { force: true })
  const time = async (): Promise<number | undefined> => modified ?? (await newestFile(folder))
  return openFetched({ title, folder, dispose, time }, file, tools)
}

type Fetched = Required<Pick<FolderOptions, 'title' | 'dispose' | 'time'>> & { readonly folder: string }

/** A folder that was made for this build: the Dockerfile lies inside it and may not lead out. */
async function openFetched(
  { folder, ...fetched }: Fetched,
  file: string | undefined,
  tools: ContextTools,
): Promise<MainContext> {
  if (file === '-') {
    const context = await openFolder({
      name: mainContext,
      path: folder,
      indexes: null,
      ...fetched,
      signal: tools.signal,
    })
    return { context, dockerfile: { filename: 'Dockerfile', bytes: await tools.stdin() } }
  }
  const name = file ?? 'Dockerfile'
  const path = resolve(folder, isAbsolute(name) ? `.${name}` : name)
  if (relative(folder, path).startsWith('..')) {
    throw new TsbuildError(
      'CONTEXT_UNREADABLE',
      `Cannot read the Dockerfile "${name}": it is outside the build context`,
    )
  }
  const context = await openFolder({
    name: mainContext,
    path: folder,
    indexes: null,
    dockerfile: path,
    ...fetched,
    signal: tools.signal,
  })
  return { context, dockerfile: await readInside(tools, folder, relative(folder, path)) }
}

/** Reads through the native core, which follows links inside the folder only: a fetched context is hostile. */
async function readInside(tools: ContextTools, folder: string, path: string): Promise<DockerfileText> {
  const answer = await tools.native.call(
    'read',
    { tree: { kind: 'dir', path: folder }, path: `/${path}`, limit: 16 * 1024 * 1024 },
    { signal: tools.signal },
  )
  const data = answer['data']
  const text = typeof data === 'string' ? Buffer.from(data) : Buffer.from((data as { b64: string }).b64, 'base64')
  return { filename: path, bytes: text }
}

async function fetchDockerfile(url: string, tools: ContextTools): Promise<DockerfileText> {
  await mkdir(tools.scratch, { recursive: true, mode: 0o700 })
  const path = join(tools.scratch, 'dockerfile.download')
  await tools.download(url, path, tools.signal)
  return { ...(await readDockerfile(path, url, tools)), filename: 'Dockerfile' }
}

async function emptyContext(tools: ContextTools, modified?: number): Promise<BuildContext> {
  const { folder, dispose } = await scratchFolder(tools, mainContext)
  const title = 'the empty build context'
  return openFolder({
    name: mainContext,
    path: folder,
    title,
    indexes: null,
    dispose,
    time: async () => modified,
    signal: tools.signal,
  })
}

async function scratchFolder(
  { scratch }: ContextTools,
  name: string,
): Promise<{ readonly folder: string; readonly dispose: () => Promise<void> }> {
  const folder = join(scratch, `context-${Buffer.from(name).toString('hex').slice(0, 40)}`)
  await mkdir(dirname(folder), { recursive: true, mode: 0o700 })
  await mkdir(folder, { mode: 0o755 })
  return { folder, dispose: () => rm(folder, { recursive: true, force: true }) }
}

/** The Dockerfile's path as the user would write it. */
function shownName(folder: string, path: string, file: string | undefined): string {
  if (file !== undefined) return file
  const inside = relative(folder, path)
  return inside === '' || inside.startsWith('..') ? path : inside
}
