import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { PassThrough } from 'node:stream'
import type { Event } from '../../src/base/events.ts'
import type { BuildRecord } from '../../src/build/explain/build-records.ts'
import { defaultOutput } from '../../src/build/options/output-option.ts'
import { build } from '../../src/engine/build.ts'
import type { BuildRequest, BuildResult } from '../../src/engine/build-request.ts'
import { openEngine } from '../../src/engine/engine.ts'
import type { Engine } from '../../src/engine/engine.ts'
import type { Settings } from '../../src/settings/settings.ts'
import { corePath } from '../helpers/core.ts'
import { amd64 } from './plan/harness.ts'
import { tempDir } from './temp-dir.ts'

const busybox = [process.env['TSBUILD_BUSYBOX'], '/usr/bin/busybox', '/bin/busybox'].find(
  (path) => path !== undefined && existsSync(path),
)

/** Why builds cannot be tested here; false when they can. */
export const cannotBuild: string | false =
  process.getuid?.() !== 0
    ? 'builds with RUN need root'
    : busybox === undefined
      ? 'busybox-static is not installed'
      : false
if (cannotBuild !== false) console.warn(`skipped: ${cannotBuild}`)

export interface BuildOptions extends Partial<Omit<BuildRequest, 'buildArgs' | 'context'>> {
  readonly buildArgs?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

/** A store, an engine and a context folder of one test. `FROM base` is a root with busybox. */
export interface Builder extends AsyncDisposable {
  readonly engine: Engine
  readonly root: string
  /** The context. */
  readonly folder: string
  readonly events: Event[]
  write(files: Readonly<Record<string, string>>): void
  /** Builds the Dockerfile text; `context` overrides the folder. */
  build(dockerfile: string, options?: BuildOptions & { readonly context?: string }): Promise<BuildResult>
  /** Content of a file of the first image. */
  read(result: BuildResult, path: string): Promise<string>
  /** `mode uid:gid` of a file of the first image. */
  stat(result: BuildResult, path: string): Promise<string>
  /** Names of the steps that ran and of those that came from the cache, internal ones left out, without numbers. */
  ran(result: BuildResult): string[]
  cached(result: BuildResult): string[]
  /** What the steps wrote. */
  output(): string
  /** What is left that should not be: scratch folders, mounts, claims, active snapshots. */
  leftovers(): string[]
}

/** `shared` gives the store, and the context where it is to be another's too. */
export async function openBuilder(shared?: Partial<Pick<Builder, 'root' | 'folder'>>): Promise<Builder> {
  const root = shared?.root ?? tempDir()
  const folder = shared?.folder ?? tempDir()
  const base = baseFolder()
  const engine = await openEngine(settingsOf(root))
  const events: Event[] = []
  const first = async (result: BuildResult): Promise<ReturnType<Engine['snapshots']['view']>> => {
    const image = result.images[0]!
    const top = await engine.images.unpack(image, { emit: () => {}, signal: new AbortController().signal })
    return engine.snapshots.view(top?.id ?? null)
  }
  const names = ({ steps }: BuildRecord, keep: (step: BuildRecord['steps'][number]) => boolean): string[] =>
    steps
      .filter((step) => /^\[(?!internal)/.test(step.name) && keep(step))
      .map(({ name }) => name.replace(/^\[[^\]]*\] /, ''))
  return {
    engine,
    root,
    folder,
    events,
    write(files) {
      for (const [path, content] of Object.entries(files)) {
        mkdirSync(dirname(join(folder, path)), { recursive: true })
        writeFileSync(join(folder, path), content)
      }
    },
    build(dockerfile, { signal = AbortSignal.timeout(150_000), buildArgs = {}, ...options } = {}) {
      events.length = 0
      const request: BuildRequest = {
        context: folder,
        file: '-',
        stdin: async () => Buffer.from(dockerfile),
        tags: [],
        labels: {},
        platforms: [],
        network: 'none',
        hosts: [],
        noCache: false,
        pull: 'never',
        secrets: new Map(),
        agents: new Map(),
        limits: {},
        allow: new Set(),
        cacheFrom: [],
        cacheTo: [],
        outputs: [defaultOutput()],
        annotations: [],
        verify: false,
        squash: false,
        stdout: () => new PassThrough(),
        ...options,
        contexts: new Map([['base', base], ...(options.contexts ?? [])]),
        buildArgs: new Map(Object.entries(buildArgs)),
      }
      return build(engine, request, { emit: (event) => void events.push(event), signal })
    },
    async read(result, path) {
      const { data } = await engine.native.call('read', { tree: await first(result), path, limit: 1 << 20 })
      return typeof data === 'string' ? data : Buffer.from((data as { b64: string }).b64, 'base64').toString()
    },
    async stat(result, path) {
      const { mode, uid, gid } = await engine.native.call('read', { tree: await first(result), path, limit: 1 << 20 })
      return `${(Number(mode) & 0o7777).toString(8)} ${Number(uid)}:${Number(gid)}`
    },
    ran: ({ record }) => names(record, ({ explanation }) => explanation !== undefined),
    cached: ({ record }) => names(record, ({ state }) => state === 'cached'),
    output: () =>
      events.map((event) => (event.kind === 'vertex-log' ? Buffer.from(event.data).toString() : '')).join(''),
    // What is being removed goes when the engine closes (snapshot/snapshotter.test.ts).
    leftovers() {
      const rows = (sql: string): string[] => engine.store.db.all<{ name: string }>(sql).map(({ name }) => name)
      return [
        ...namesIn(join(root, 'tmp')),
        ...namesIn(join(root, 'run', 'build')),
        ...readFileSync('/proc/self/mountinfo', 'utf8')
          .split('\n')
          .filter((line) => line.includes(root)),
        ...rows(`SELECT key AS name FROM claims`),
        ...rows(
          `SELECT 'snapshot ' || id || ' ' || state AS name FROM snapshots WHERE state NOT IN ('committed', 'removing')`,
        ),
      ]
    },
    [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose](),
  }
}

function namesIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : []
}

/** A folder with busybox and its links, as the files of `FROM base`. */
export function baseFolder(): string {
  const folder = tempDir()
  mkdirSync(join(folder, 'bin'))
  mkdirSync(join(folder, 'etc'))
  mkdirSync(join(folder, 'tmp'))
  chmodSync(join(folder, 'tmp'), 0o1777)
  copyFileSync(busybox!, join(folder, 'bin/busybox'))
  for (const name of spawnSync(busybox!, ['--list'], { encoding: 'utf8' }).stdout.split('\n')) {
    if (name !== '' && name !== 'busybox') symlinkSync('busybox', join(folder, 'bin', name))
  }
  writeFileSync(join(folder, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n')
  writeFileSync(join(folder, 'etc/group'), 'root:x:0:\napp:x:1000:\n')
  return folder
}

function settingsOf(root: string): Settings {
  return {
    root,
    runRoot: join(root, 'run'),
    rootless: false,
    storageDriver: undefined,
    isolation: undefined,
    owner: { uid: 0, gid: 0 },
    idmap: undefined,
    corePath,
    platform: amd64,
    cwd: '/',
    registries: async () => ({
      dockerConfigPath: join(root, 'docker.json'),
      authFile: undefined,
      insecure: [],
      rules: {},
      certDirs: [],
      shortNames: {},
    }),
    proxies: { http: undefined, https: undefined, no: undefined },
    limits: { jobs: 2, perHost: 2, transfers: 4 },
    keepStorage: undefined,
    env: () => undefined,
  }
}
