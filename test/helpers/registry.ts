import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants } from 'node:fs'
import { cp, link, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import { makeCertificate } from './certificates.ts'
import { startTokenServer } from './token-server.ts'
import type { TokenServer } from './token-server.ts'

/** A docker-registry process of the distribution's package, on a free loopback port with its data in a temporary folder. */
export interface Registry extends AsyncDisposable {
  /** `127.0.0.1:PORT`: the host part of an image name. */
  readonly host: string
  /** `http://127.0.0.1:PORT` or https. */
  readonly origin: string
  readonly user: string
  readonly password: string
  /** PEM of the authority that signed the server's certificate; only with `tls`. */
  readonly authority: string | undefined
  /** Only with `auth: 'token'`. */
  readonly tokens: TokenServer | undefined
  readonly pid: number
  /** The folder of its storage. */
  readonly data: string
  /** What the registry logged so far, one access line per request. */
  readonly log: readonly string[]
}

export interface RegistryOptions {
  readonly auth?: 'none' | 'basic' | 'token'
  readonly tls?: boolean
  /** Allow DELETE; default true. */
  readonly deletes?: boolean
  /** Repositories that a token registry lets anybody pull. */
  readonly open?: readonly string[]
  /** Storage of another registry to start from; hard-linked, so it must lie on the file system of temporary files to be cheap. */
  readonly seed?: string
  /** Seconds that tokens live. */
  readonly tokenLifetime?: number
}

const user = 'tester'
const password = 's3cret-word'
/** bcrypt of the password above; docker-registry takes no other hash. */
const passwordHash = '$2b$04$vfYXtxpRM1Ur43QmTwqSV.IgxFBhhxrA3.1mYfYiV6Q3mqvwJYHii'

/** True where the program is installed; tests that need it print why they skip. */
export function hasDockerRegistry(): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, 'docker-registry'), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

export async function startRegistry(options: RegistryOptions = {}): Promise<Registry> {
  await using stack = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'tsbuild-registry-'))
  stack.defer(() => rm(folder, { recursive: true, force: true }))
  const data = join(folder, 'data')
  if (options.seed !== undefined) await linkTree(options.seed, data)
  const authority = options.tls === true ? makeCertificate({ name: 'test authority', authority: true }) : undefined
  const lines: string[] = [
    'version: 0.1',
    'log: {level: info, formatter: text, accesslog: {disabled: false}}',
    `storage: {filesystem: {rootdirectory: ${data}}, delete: {enabled: ${options.deletes ?? true}}, cache: {blobdescriptor: inmemory}}`,
    'http:',
    '  addr: 127.0.0.1:0',
  ]
  if (authority !== undefined) {
    const server = makeCertificate({ name: 'registry', hosts: ['127.0.0.1', 'localhost'], issuer: authority })
    await writeFile(join(folder, 'server.crt'), server.certificate)
    await writeFile(join(folder, 'server.key'), server.key)
    lines.push(`  tls: {certificate: ${join(folder, 'server.crt')}, key: ${join(folder, 'server.key')}}`)
  }
  let tokens: TokenServer | undefined
  if (options.auth === 'basic') {
    await writeFile(join(folder, 'htpasswd'), `${user}:${passwordHash}\n`)
    lines.push(`auth: {htpasswd: {realm: test, path: ${join(folder, 'htpasswd')}}}`)
  } else if (options.auth === 'token') {
    const signer = makeCertificate({ name: 'token signer', authority: true })
    await writeFile(join(folder, 'token.crt'), signer.certificate)
    tokens = stack.use(
      await startTokenServer({
        signer,
        service: 'test-service',
        users: { [user]: password },
        ...(options.open === undefined ? {} : { open: options.open }),
        ...(options.tokenLifetime === undefined ? {} : { lifetime: options.tokenLifetime }),
      }),
    )
    lines.push(
      `auth: {token: {realm: "${tokens.realm}", service: test-service, issuer: test-issuer, rootcertbundle: ${join(folder, 'token.crt')}}}`,
    )
  }
  await writeFile(join(folder, 'config.yml'), `${lines.join('\n')}\n`)
  const child = spawn('docker-registry', ['serve', join(folder, 'config.yml')], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], OTEL_TRACES_EXPORTER: 'none' },
  })
  stack.defer(() => stop(child))
  const log: string[] = []
  const port = await listeningPort(child, log)
  const keep = stack.move()
  return {
    host: `127.0.0.1:${port}`,
    origin: `${options.tls === true ? 'https' : 'http'}://127.0.0.1:${port}`,
    user,
    password,
    authority: authority?.certificate,
    tokens,
    pid: child.pid ?? 0,
    data,
    log,
    [Symbol.asyncDispose]: () => keep.disposeAsync(),
  }
}

/** docker-registry replaces files and never writes into one, so the seed stays as it is. */
async function linkTree(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true })
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isDirectory()) await linkTree(source, target)
    else await link(source, target).catch(() => cp(source, target))
  }
}

async function listeningPort(child: ChildProcess, log: string[]): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  child.once('error', reject)
  child.once('exit', () => reject(new Error(`docker-registry ended early:\n${log.join('\n')}`)))
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue
    createInterface({ input: stream }).on('line', (line) => {
      log.push(line)
      const port = /listening on (?:127\.0\.0\.1|\[::\]):(\d+)/.exec(line)?.[1]
      if (port !== undefined) resolve(Number(port))
    })
  }
  return promise
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}
