import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export const projectHome: string = join(import.meta.dirname, '../..')
/** Storage of a registry with library/openjdk:8 and library/debian:bookworm, made by the set-up. */
export const standIns: string = join(projectHome, '.cache/stand-ins/registry')

export interface CliResult {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

export interface CliError {
  readonly code: string
  readonly message: string
  readonly hint?: string
  readonly details?: Readonly<Record<string, unknown>>
}

/** The command line on a store of its own, as a user has it: every call is a process. */
export interface Cli extends AsyncDisposable {
  readonly root: string
  /** A folder for the test's own files. */
  readonly folder: string
  /** Of every process that it starts. */
  readonly environment: Readonly<Record<string, string>>
  run(args: readonly string[], options?: CliOptions): Promise<CliResult>
  /** As `run`; throws what the command said when it fails. Gives stdout. */
  ok(...args: readonly string[]): Promise<string>
  /** The command must fail: gives the last error of `--log-format json`, and the status. */
  fails(args: readonly string[], options?: CliOptions): Promise<CliError & { readonly status: number }>
  /** Writes files below `folder` and gives the folder they are in. */
  files(name: string, files: Readonly<Record<string, string>>): string
  /** Names of everything that the store holds; equal before and after a command that must leave nothing. */
  inventory(): Promise<readonly string[]>
}

export interface CliOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly stdin?: string
  readonly cwd?: string
  /** Words before the program. Default: those of the set-up. */
  readonly prefix?: readonly string[]
}

export interface CliSetup {
  /** Origin of a registry that stands for Docker Hub. */
  readonly hub?: string
  readonly env?: Readonly<Record<string, string>>
  /** The program. Default: bin/tsbuild of this project. */
  readonly program?: string
  /** Words before the program, such as those that start it in another network namespace. */
  readonly prefix?: readonly string[]
}

export function openCli(setup: CliSetup = {}): Cli {
  const folder = mkdtempSync(join(tmpdir(), 'tsbuild-cli-'))
  const root = join(folder, 'store')
  const program = setup.program ?? join(projectHome, 'bin/tsbuild')
  const environment = {
    PATH: process.env['PATH'] ?? '/usr/bin:/bin',
    HOME: folder,
    TSBUILD_RUN_ROOT: join(folder, 'run'),
    TSBUILD_CONFIG: join(folder, 'config.json'),
    DOCKER_CONFIG: join(folder, 'docker'),
    CONTAINERS_REGISTRIES_CONF: join(folder, 'registries.conf'),
    ...(process.env['TSBUILD_CORE'] === undefined ? {} : { TSBUILD_CORE: process.env['TSBUILD_CORE'] }),
    ...(setup.hub === undefined ? {} : { TSBUILD_REGISTRY_MIRRORS: `docker.io=${setup.hub}` }),
    ...setup.env,
  }
  writeFileSync(environment.TSBUILD_CONFIG, '{}')
  /** Processes that the last inventory had. */
  let known: readonly string[] = []

  async function run(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
    const [first = '', ...words] = [...(options.prefix ?? setup.prefix ?? []), program, '--root', root, ...args]
    const child = spawn(first, words, {
      cwd: options.cwd ?? folder,
      env: { ...environment, ...options.env },
      stdio: 'pipe',
    })
    const output = { stdout: '', stderr: '' }
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text))
    child.stdin.on('error', () => {})
    child.stdin.end(options.stdin ?? '')
    const [status, signal] = (await once(child, 'close')) as [number | null, string | null]
    if (status === null) throw new Error(`tsbuild ${args.join(' ')} was ended by ${signal}\n${output.stderr}`)
    return { status, ...output }
  }

  async function ok(...args: readonly string[]): Promise<string> {
    const { status, stdout, stderr } = await run(args)
    if (status === 0) return stdout
    throw new Error(`tsbuild ${args.join(' ')} ended with ${status}\n${stdout}${stderr}`)
  }

  async function removeAll(): Promise<void> {
    if (existsSync(root)) {
      const ids = (await run(['ps', '-aq', '--no-trunc'])).stdout.split('\n').filter((id) => id !== '')
      if (ids.length > 0) await run(['rm', '-f', '-v', ...ids])
    }
    const left = await lasting(() => [...mountsBelow(folder), ...processesBelow(root)])
    rmSync(folder, { recursive: true, force: true, maxRetries: 20 })
    if (left.length > 0) throw new Error(`Left behind:\n${left.join('\n')}`)
  }

  return {
    root,
    folder,
    environment,
    run,
    ok,
    async fails(args, options) {
      const { status, stdout, stderr } = await run(['--log-format', 'json', ...args], options)
      const line = stderr.split('\n').findLast((text) => text.startsWith('{"level":"error"'))
      if (status === 0 || line === undefined) {
        throw new Error(`tsbuild ${args.join(' ')} ended with ${status}, expected an error\n${stdout}${stderr}`)
      }
      return { ...(JSON.parse(line) as CliError), status }
    },
    files(name, files) {
      const place = join(folder, name)
      mkdirSync(place, { recursive: true })
      for (const [path, content] of Object.entries(files)) {
        mkdirSync(dirname(join(place, path)), { recursive: true })
        writeFileSync(join(place, path), content)
      }
      return place
    },
    async inventory() {
      const images = (
        await ok('images', '-a', '--no-trunc', '--format', 'image {{.Repository}}:{{.Tag}} {{.ID}}')
      ).split('\n')
      const containers = (await ok('ps', '-a', '--no-trunc', '--format', 'container {{.Names}}')).split('\n')
      const stored = ['blobs/sha256', 'snapshots', 'containers', 'volumes', 'ingest'].flatMap((directory) =>
        list(join(root, directory)).map((entry) => `${directory}/${entry}`),
      )
      await lasting(() => processesBelow(root).filter((process) => !known.includes(process)))
      known = processesBelow(root)
      return [...images, ...containers, ...stored, ...mountsBelow(folder), ...known]
        .filter((item) => item !== '')
        .toSorted()
    },
    [Symbol.asyncDispose]: removeAll,
  }
}

function list(directory: string): readonly string[] {
  return existsSync(directory) ? readdirSync(directory) : []
}

/** What `look` still finds when what is about to end has had its time. */
async function lasting(look: () => readonly string[]): Promise<readonly string[]> {
  const end = Date.now() + 10_000
  let found = look()
  while (found.length > 0 && Date.now() < end) {
    await sleep(50)
    found = look()
  }
  return found
}

/** Mounts of this namespace that show something below `folder`. */
function mountsBelow(folder: string): readonly string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(folder))
    .map((line) => `mount ${line}`)
}

/** Processes whose arguments, root or working directory lie below `folder`. */
function processesBelow(folder: string): readonly string[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && name !== String(process.pid))
  return pids.filter((pid) => usesFolder(pid, folder)).map((pid) => `process ${pid} ${commandOf(pid)}`)
}

function usesFolder(pid: string, folder: string): boolean {
  try {
    const links = ['root', 'cwd'].map((name) => readlinkSync(`/proc/${pid}/${name}`))
    return commandOf(pid).includes(folder) || links.some((link) => link.startsWith(folder))
  } catch {
    return false // It ended while we looked, or is a thread of the kernel.
  }
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
  } catch {
    return ''
  }
}
