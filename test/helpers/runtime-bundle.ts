import { spawn, spawnSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { coreBinary } from './native-plan.ts'

/** A statically linked busybox, by which roots for containers are made. */
const busybox = [process.env['TSBUILD_BUSYBOX'], '/usr/bin/busybox', '/bin/busybox'].find(
  (path) => path !== undefined && existsSync(path),
)

/** Why containers cannot be run here, or false. */
export const noContainers: string | false =
  process.getuid?.() !== 0 ? 'containers need root' : busybox === undefined ? 'busybox-static is not installed' : false
if (noContainers !== false) console.warn(`skipped: ${noContainers}`)

/** A fresh directory with a busybox root in `root` and everything else that a test makes; removed by `dispose`. */
export interface Scratch {
  readonly path: string
  readonly root: string
  dispose(): void
}

export function scratch(): Scratch {
  const path = mkdtempSync(join(tmpdir(), 'tsbuild-runtime-'))
  const root = join(path, 'rootfs')
  for (const directory of ['bin', 'etc', 'tmp', 'proc', 'sys', 'dev'])
    mkdirSync(join(root, directory), { recursive: true })
  copyFileSync(busybox!, join(root, 'bin/busybox'))
  const applets = spawnSync(busybox!, ['--list'], { encoding: 'utf8' }).stdout.split('\n')
  for (const name of applets) if (name !== '' && name !== 'busybox') symlinkSync('busybox', join(root, 'bin', name))
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33:www:/var/www:/bin/sh\n')
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\nwww-data:x:33:\nadm:x:4:www-data\naudio:x:29:\n')
  return { path, root, dispose: () => rmSync(path, { recursive: true, force: true }) }
}

export interface Config {
  process: Record<string, unknown>
  root?: { path: string; readonly?: boolean }
  mounts: { destination: string; type?: string; source?: string; options?: string[] }[]
  hostname?: string
  hooks?: Record<string, unknown>
  annotations?: Record<string, string>
  linux: Record<string, unknown>
  ociVersion: string
}

const rights = ['CAP_CHOWN', 'CAP_KILL', 'CAP_MKNOD', 'CAP_SETGID', 'CAP_SETUID', 'CAP_SYS_CHROOT']

/** A config.json of a docker-like container that runs `args`; callers change what they are about. */
export function ociConfig(args: readonly string[]): Config {
  return {
    ociVersion: '1.2.0',
    process: {
      terminal: false,
      user: { uid: 0, gid: 0 },
      args,
      env: ['PATH=/bin'],
      cwd: '/',
      noNewPrivileges: false,
      capabilities: { bounding: rights, effective: rights, permitted: rights },
    },
    hostname: 'box',
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
      {
        destination: '/dev',
        type: 'tmpfs',
        source: 'tmpfs',
        options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
      },
      {
        destination: '/dev/pts',
        type: 'devpts',
        source: 'devpts',
        options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
      },
      { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
    ],
    linux: {
      namespaces: ['pid', 'ipc', 'uts', 'mount', 'network', 'cgroup'].map((type) => ({ type })),
      resources: { devices: [{ allow: false, access: 'rwm' }] },
      maskedPaths: ['/proc/kcore', '/proc/keys', '/sys/firmware'],
      readonlyPaths: ['/proc/sys', '/proc/sysrq-trigger'],
    },
  }
}

export interface Outcome {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** The OCI command line on containers of one scratch directory. */
export class OciRuntime {
  readonly #scratch: Scratch
  readonly #program: readonly string[]

  /** `prefix`: words before the runtime, such as those that make it another user's. */
  constructor(own: Scratch, prefix: readonly string[] = []) {
    this.#scratch = own
    this.#program = [...prefix, coreBinary]
  }

  get stateRoot(): string {
    return join(this.#scratch.path, 'state')
  }

  /** Writes `name`/config.json over the scratch root and gives the bundle's path. */
  bundle(config: Config, name = 'bundle'): string {
    const path = join(this.#scratch.path, name)
    mkdirSync(path, { recursive: true })
    writeFileSync(join(path, 'config.json'), JSON.stringify({ root: { path: this.#scratch.root }, ...config }))
    return path
  }

  run(
    args: readonly string[],
    options: { input?: string; env?: NodeJS.ProcessEnv; stdio?: (number | 'pipe' | 'ignore')[] } = {},
  ): Outcome {
    const [program = '', ...words] = this.#program
    const { status, stdout, stderr } = spawnSync(program, [...words, '--root', this.stateRoot, ...args], {
      encoding: 'utf8',
      input: options.input ?? '',
      timeout: 150_000,
      ...(options.env === undefined ? {} : { env: { ...process.env, ...options.env } }),
      ...(options.stdio === undefined ? {} : { stdio: options.stdio }),
    })
    return { status, stdout: stdout ?? '', stderr: stderr ?? '' }
  }

  /** As `run` for verbs that leave a container behind, which would hold the pipes open. Its output goes to a file. */
  detached(args: readonly string[]): Promise<Outcome> {
    const log = join(this.#scratch.path, `output-${args[0]}`)
    return new Promise((resolve, reject) => {
      const child = spawn(
        '/bin/sh',
        ['-c', 'exec "$@" </dev/null >"$LOG" 2>"$LOG.err"', 'sh', ...this.#program, '--root', this.stateRoot, ...args],
        {
          stdio: 'ignore',
          env: { ...process.env, LOG: log },
        },
      )
      child.on('error', reject)
      child.on('exit', (status) =>
        resolve({ status, stdout: readFileSync(log, 'utf8'), stderr: readFileSync(`${log}.err`, 'utf8') }),
      )
    })
  }

  state(id: string): Record<string, unknown> {
    return JSON.parse(this.run(['state', id]).stdout) as Record<string, unknown>
  }

  output(verb: string): string {
    return readFileSync(join(this.#scratch.path, `output-${verb}`), 'utf8')
  }

  /** Ends what a failed test may have left. */
  dispose(): void {
    if (!existsSync(this.stateRoot)) return
    for (const id of readdirSync(this.stateRoot)) this.run(['delete', '--force', id])
  }
}

/** Directories of cgroups whose path holds `name`, in any hierarchy. */
export function cgroupsOf(name: string): readonly string[] {
  const found = spawnSync('find', ['/sys/fs/cgroup', '-type', 'd', '-path', `*tsbuild*${name}*`], { encoding: 'utf8' })
  return found.stdout.split('\n').filter((line) => line !== '')
}

/** Waits until `condition` holds; the time is a limit, not part of what is tested. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  for (const end = Date.now() + 60_000; Date.now() < end;) {
    if (condition()) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error(`waited in vain for ${what}`)
}
