import { createWriteStream, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { TsbuildError } from '../base/errors.ts'
import { version } from '../base/version.ts'
import type { BuildContext } from '../build/context/build-context.ts'
import type { ContextTools } from '../build/context/main-context.ts'
import { cacheMountRecords } from '../build/ops/cache-mount-records.ts'
import { createCacheMounts } from '../build/ops/cache-mounts.ts'
import { cdiDevices } from '../build/ops/cdi-devices.ts'
import { createContextFiles } from '../build/ops/context-files.ts'
import { createGitRepositories } from '../build/ops/git-repositories.ts'
import type { GitRepositories } from '../build/ops/git-repositories.ts'
import type { CopyAction } from '../build/ops/op.ts'
import type { BaseImage } from '../build/ops/image-operation.ts'
import type { OpServices } from '../build/ops/operations.ts'
import { createSecrets } from '../build/ops/secrets.ts'
import type { Secrets } from '../build/ops/secrets.ts'
import { createSshAgents } from '../build/ops/ssh-agents.ts'
import type { StepNetworks } from '../build/ops/step-network.ts'
import { createWebClient } from '../build/ops/web-client.ts'
import type { WebClient } from '../build/ops/web-client.ts'
import { createWebFiles } from '../build/ops/web-files.ts'
import type { WebFiles } from '../build/ops/web-files.ts'
import { proxyVariables } from '../build/plan/arguments.ts'
import type { BuildPlan } from '../build/plan/request.ts'
import { walkVertices } from '../build/solver/vertex.ts'
import type { Digest } from '../oci/digest.ts'
import { groupIds } from '../settings/idmap.ts'
import type { BuildRequest } from './build-request.ts'
import { failureHandler } from './build-on-error.ts'
import type { Engine, VerbContext } from './engine.ts'

interface Places {
  /** On the store's file system, for this build. */
  readonly scratch: string
  readonly signal: AbortSignal
}

/** What opens contexts; it also holds the connections to the web, which steps use too. */
export interface BuildTools extends ContextTools, AsyncDisposable {
  readonly web: WebFiles
  readonly git: GitRepositories
}

/** The tools that fetch, for contexts and steps. Nothing is connected before it is needed. */
export function contextTools(engine: Engine, request: BuildRequest, { scratch, signal }: Places): BuildTools {
  const { settings, store, native } = engine
  const temporary = temporaryPaths(scratch)
  const secrets = createSecrets({ sources: request.secrets, env: settings.env, directory: scratch, signal })
  const client = createWebClient({
    proxies: settings.proxies,
    userAgent: `tsbuild/${version}`,
    authorization: (host) => webAuthorization(secrets, host),
  })
  const web = createWebFiles({ db: store.db, request: client.request, temporary })
  const git = createGitRepositories({ env: (remote) => gitEnvironment(engine, secrets, remote) })
  return {
    native,
    cwd: settings.cwd,
    indexes: store.paths.contexts,
    scratch,
    stdin: request.stdin,
    signal,
    web,
    git,
    download: (url, path) => downloadTo(client, url, path, signal),
    checkout: async (source, folder) => {
      const want = {
        ...source,
        keepGitDir: source.keepGitDir ?? request.buildArgs.get('BUILDKIT_CONTEXT_KEEP_GIT_DIR') === '1',
        submodules: source.submodules ?? true,
        mtime: source.mtime ?? ('checkout' as const),
      }
      return git.checkout(want, await git.resolve(want, signal), folder, signal)
    },
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  }
}

export interface ServicesRequest {
  readonly plans: readonly BuildPlan[]
  readonly open: (name: string) => Promise<BuildContext>
  readonly resolved: ReadonlyMap<Digest, BaseImage>
  readonly tools: BuildTools
  readonly scratch: string
  /** Path of a tar for a cache mount that is new here. */
  readonly seed: (key: string, signal: AbortSignal) => Promise<string | undefined>
  /** Folder in memory, for this build. */
  readonly volatile: string
  readonly networks: StepNetworks
  readonly context: VerbContext
}

/** Everything that the ops of a build act through. */
export function buildServices(engine: Engine, request: BuildRequest, wanted: ServicesRequest): OpServices {
  const { native, snapshots, images, store, settings } = engine
  const { tools, volatile, plans, context } = wanted
  const copies = [...walkVertices(plans.map((plan) => plan.target))].flatMap(({ op }) =>
    op.kind === 'files' ? op.actions.filter((action): action is CopyAction => action.op === 'copy') : [],
  )
  const temporary = temporaryPaths(wanted.scratch)
  return {
    native,
    snapshots,
    images,
    resolved: wanted.resolved,
    temporary,
    manifestPath: manifestPaths(store.root),
    contexts: createContextFiles({ native, open: wanted.open, copies, temporary, signal: context.signal }),
    web: tools.web,
    git: tools.git,
    caches: createCacheMounts({ store, native, records: cacheMountRecords(store), seed: wanted.seed }),
    secrets: createSecrets({
      sources: request.secrets,
      env: settings.env,
      directory: volatile,
      signal: context.signal,
    }),
    agents: createSshAgents({ agents: request.agents, directory: volatile }),
    devices: cdiDevices,
    architecture: settings.platform.architecture,
    groupIds: groupIds(settings.idmap),
    proxies: proxyVariables(request.buildArgs),
    limits: request.limits,
    networks: wanted.networks,
    ...(request.onError === undefined ? {} : { onFailure: failureHandler(engine, request.onError) }),
  }
}

/** Where the lists of files lie that context selections were, named by the selection's digest. */
export function manifestPaths(root: string): (digest: string) => string {
  const inFolder = temporaryPaths(join(root, 'manifests'))
  return (digest) => inFolder(digest.replace(/[^0-9a-z]/g, '-'))
}

/** Paths in a folder that is made at the first use. */
function temporaryPaths(folder: string): (name: string) => string {
  return (name) => {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    return join(folder, name)
  }
}

async function downloadTo(
  client: WebClient,
  url: string,
  path: string,
  signal: AbortSignal,
): Promise<{ readonly modified?: number }> {
  const { status, headers, body } = await client.request({ url, headers: {}, signal })
  if (status !== 200) {
    body.resume()
    throw new TsbuildError('FETCH_FAILED', `Cannot fetch "${url}": the server answered with status ${status}`)
  }
  await pipeline(body, createWriteStream(path, { mode: 0o600 }))
  const modified = Date.parse(headers['last-modified'] ?? '')
  return Number.isNaN(modified) ? {} : { modified }
}

/** The secrets that BuildKit looks for: HTTP_AUTH_HEADER_<host> is the whole header, HTTP_AUTH_TOKEN_<host> a bearer token. */
async function webAuthorization(secrets: Secrets, host: string): Promise<string | undefined> {
  const header = await secrets.read(`HTTP_AUTH_HEADER_${host}`, false)
  if (header !== undefined) return textOf(header)
  const token = await secrets.read(`HTTP_AUTH_TOKEN_${host}`, false)
  return token === undefined ? undefined : `Bearer ${textOf(token)}`
}

/** git runs with what it needs to find itself and its keys, and with the user's secrets GIT_AUTH_HEADER and GIT_AUTH_TOKEN. */
async function gitEnvironment(
  engine: Engine,
  secrets: Secrets,
  remote: string,
): Promise<Readonly<Record<string, string>>> {
  const { env } = engine.settings
  const kept = ['PATH', 'HOME', 'SSH_AUTH_SOCK', 'http_proxy', 'https_proxy', 'no_proxy', 'HTTPS_PROXY', 'NO_PROXY']
  const passed = Object.fromEntries(kept.flatMap((name) => (env(name) === undefined ? [] : [[name, env(name) ?? '']])))
  if (!/^https?:/.test(remote)) return passed
  const { host, origin } = new URL(remote)
  const header =
    (await secrets.read(`GIT_AUTH_HEADER.${host}`, false)) ?? (await secrets.read('GIT_AUTH_HEADER', false))
  const token = (await secrets.read(`GIT_AUTH_TOKEN.${host}`, false)) ?? (await secrets.read('GIT_AUTH_TOKEN', false))
  const basic = token === undefined ? undefined : `Basic ${btoa(`x-access-token:${textOf(token)}`)}`
  const value = header === undefined ? basic : textOf(header)
  if (value === undefined) return passed
  return {
    ...passed,
    GIT_CONFIG_COUNT: '1',
    GIT_CONFIG_KEY_0: `http.${origin}/.extraheader`,
    GIT_CONFIG_VALUE_0: `Authorization: ${value}`,
  }
}

function textOf(value: Uint8Array): string {
  return Buffer.from(value).toString('utf8').trim()
}
