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
import { isArchive, isArchiveHead } from './archive-kind.ts'

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
  /** Time of a fetched context in milliseconds, for `SOURCE_DATE_EPOCH=context`. */
  readonly time?: number
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
  const shared = { name: mainContext, path, title: source, indexes: tools.indexes }
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
  return { context, dockerfile: await readDockerfile(dockerfilePath, shownName(path, dockerfilePath, file), path) }
}

/** What `--build-context name=source` names when it is files: a folder, a URL of an archive, a git repository. */
export async function openNamedContext(name: string, source: string, tools: ContextTools): Promise<BuildContext> {
  const git = gitSource(source)
  if (git !== undefined) {
    const { folder, dispose } = await scratchFolder(tools, name)
    const { path } = await tools.checkout(git, folder, tools.signal)
    return openFolder({ name, path, title: source, indexes: null, dispose })
  }
  if (/^https?:\/\//.test(source)) {
    const { folder, dispose } = await scratchFolder(tools, name)
    const archive = `${folder}.download`
    await tools.download(source, archive, tools.signal)
    await unpack(archive, folder, tools)
    await rm(archive, { force: true })
    return openFolder({ name, path: folder, title: source, indexes: null, dispose })
  }
  return openFolder({ name, path: resolve(tools.cwd, source), title: source, indexes: tools.indexes })
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
  return { ...(await openFetched(title, path, dispose, file, tools)), time: committed }
}

async function openUrl(url: string, file: string | undefined, tools: ContextTools): Promise<MainContext> {
  await mkdir(tools.scratch, { recursive: true, mode: 0o700 })
  const path = join(tools.scratch, 'context.download')
  const { modified } = await tools.download(url, path, tools.signal)
  const time = modified === undefined ? {} : { time: modified }
  if (await isArchive(path)) return { ...(await openArchive(url, path, file, tools)), ...time }
  const dockerfile = await readDockerfile(path, url)
  return { context: await emptyContext(tools), dockerfile: { ...dockerfile, filename: 'Dockerfile' }, ...time }
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
): Promise<MainContext> {
  const { folder, dispose } = await scratchFolder(tools, mainContext)
  await unpack(archive, folder, tools)
  await rm(archive, { force: true })
  return openFetched(title, folder, dispose, file, tools)
}

/** A folder that was made for this build: the Dockerfile lies inside it and may not lead out. */
async function openFetched(
  title: string,
  folder: string,
  dispose: () => Promise<void>,
  file: string | undefined,
  tools: ContextTools,
): Promise<MainContext> {
  if (file === '-') {
    const context = await openFolder({ name: mainContext, path: folder, title, indexes: null, dispose })
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
  const context = await openFolder({ name: mainContext, path: folder, title, indexes: null, dockerfile: path, dispose })
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
  return { ...(await readDockerfile(path, url)), filename: 'Dockerfile' }
}

async function emptyContext(tools: ContextTools): Promise<BuildContext> {
  const { folder, dispose } = await scratchFolder(tools, mainContext)
  return openFolder({ name: mainContext, path: folder, title: 'the empty build context', indexes: null, dispose })
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

async function unpack(archive: string, folder: string, { native, signal }: ContextTools): Promise<void> {
  const action = {
    op: 'file',
    source: archive,
    name: 'context',
    dest: '/',
    mode: 0o644,
    mtime: null,
    owner: null,
    chmod: null,
    archives: 'unpack',
  }
  await native.call(
    'files',
    { target: { kind: 'layers', lower: [], upper: folder }, actions: [action], commit: null },
    { signal },
  )
}

/** The Dockerfile's path as the user would write it. */
function shownName(folder: string, path: string, file: string | undefined): string {
  if (file !== undefined) return file
  const inside = relative(folder, path)
  return inside === '' || inside.startsWith('..') ? path : inside
}
