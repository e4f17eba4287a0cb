import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { until } from './runtime-bundle.ts'

const probe = fileURLToPath(new URL('network-probe.ts', import.meta.url))

/** Why networks cannot be tried here, or false. */
export const noNetworks: string | false = ['nft', 'ip', 'nsenter', 'unshare'].some(
  (program) => spawnSync('which', [program]).status !== 0,
)
  ? 'nft, ip, nsenter or unshare is not installed'
  : false
if (noNetworks !== false) console.warn(`skipped: ${noNetworks}`)

/** Something that has a network of its own: a namespace that a process holds. */
export class Netns {
  readonly pid: number
  readonly #children: ChildProcess[] = []

  constructor(pid: number) {
    this.pid = pid
  }

  /** Words that run a program there. */
  get prefix(): readonly string[] {
    return ['nsenter', `--net=/proc/${this.pid}/ns/net`, '--']
  }

  /** Output of a program there; throws where it fails. */
  run(...args: readonly string[]): string {
    const [program = '', ...rest] = [...this.prefix, ...args]
    return execFileSync(program, rest, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  }

  /** A server that answers with who asks; it ends with `dispose`. */
  async serve(kind: 'tcp' | 'udp' | 'dns' | 'echo', address: string, port: number): Promise<void> {
    const [program, ...rest] = [...this.prefix, process.execPath, probe, 'serve', kind, address, String(port)]
    const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#children.push(child)
    await once(child.stdout, 'data')
  }

  /** What a server says to a client there. */
  ask(kind: 'tcp' | 'udp', address: string, port: number, ms = 30_000): string {
    return this.run(process.execPath, probe, 'ask', kind, address, String(port), String(ms)).trim()
  }

  /** As `ask` of what is not to answer: ETIMEDOUT after a moment. */
  askInVain(kind: 'tcp' | 'udp', address: string, port: number): string {
    return this.ask(kind, address, port, 1500)
  }

  resolve(type: 'A' | 'AAAA' | 'PTR' | 'TXT', name: string, server = '127.0.0.11'): string {
    return this.run(process.execPath, probe, 'resolve', type, name, server).trim()
  }

  links(): readonly string[] {
    return this.run('ip', '-o', 'link')
      .trim()
      .split('\n')
      .map((line) => line.split(': ')[1]?.split('@')[0] ?? '')
  }

  rules(): string {
    return this.run('nft', 'list', 'ruleset')
  }

  dispose(): void {
    for (const child of this.#children) child.kill('SIGKILL')
  }
}

/** A machine of its own for tests: its loopback is up and it has nothing else. */
export class NetworkHost extends Netns {
  readonly #holder: ChildProcess

  private constructor(holder: ChildProcess) {
    super(holder.pid!)
    this.#holder = holder
  }

  static async create(): Promise<NetworkHost> {
    const holder = spawn('unshare', ['--net', 'sleep', '1000'], { stdio: 'ignore' })
    const own = spawnSync('readlink', ['/proc/self/ns/net'], { encoding: 'utf8' }).stdout
    await until(() => {
      const { stdout } = spawnSync('readlink', [`/proc/${holder.pid}/ns/net`], { encoding: 'utf8' })
      return stdout !== '' && stdout !== own
    }, 'a network namespace')
    const host = new NetworkHost(holder)
    host.run('ip', 'link', 'set', 'lo', 'up')
    return host
  }

  /** Another machine, on a wire: this one is 192.0.2.1 and 2001:db8::1, the other 192.0.2.2 and 2001:db8::2 with this as its way out. */
  connectTo(other: NetworkHost): void {
    this.run('ip', 'link', 'add', 'wire', 'type', 'veth', 'peer', 'name', 'wire', 'netns', String(other.pid))
    this.run('ip', 'addr', 'add', '192.0.2.1/24', 'dev', 'wire')
    this.run('ip', 'addr', 'add', '2001:db8::1/64', 'dev', 'wire', 'nodad')
    this.run('ip', 'link', 'set', 'wire', 'up')
    other.run('ip', 'addr', 'add', '192.0.2.2/24', 'dev', 'wire')
    other.run('ip', 'addr', 'add', '2001:db8::2/64', 'dev', 'wire', 'nodad')
    other.run('ip', 'link', 'set', 'wire', 'up')
    other.run('ip', 'route', 'add', 'default', 'via', '192.0.2.1')
    other.run('ip', '-6', 'route', 'add', 'default', 'via', '2001:db8::1')
  }

  override dispose(): void {
    super.dispose()
    this.#holder.kill('SIGKILL')
  }
}
