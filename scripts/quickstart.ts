/**
 * The main job on real input, step by step with times: build fixtures/basic-img, run it and ask it, push it, pull it by digest into an empty
 * store and run it again. Everything lies in one temporary folder; nothing is left, also after Ctrl-C.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startRegistry } from '../test/helpers/registry.ts'
import type { Registry } from '../test/helpers/registry.ts'

const home = join(import.meta.dirname, '..')
const servicePort = 60431
let count = 0
let interrupted = false
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => void (interrupted = true))

const say = (text: string): void => void process.stdout.write(`${text}\n`)

interface Stage {
  readonly stores: readonly [string, string]
  readonly registry: Registry
  readonly env: Readonly<Record<string, string | undefined>>
  readonly port: number
}

try {
  await quickstart()
} catch (error) {
  if (!interrupted) throw error
  say('\nInterrupted; everything that was started has been removed.')
  process.exitCode = 130
}

async function quickstart(): Promise<void> {
  const startedAt = performance.now()
  await using stack = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'tsbuild-quickstart-'))
  stack.defer(() => rm(folder, { recursive: true, force: true }))
  const isHubReachable = await reaches('https://registry-1.docker.io/v2/')
  const registry = stack.use(
    await startRegistry(isHubReachable ? {} : { seed: join(home, '.cache/stand-ins/registry') }),
  )
  const mirror = isHubReachable ? {} : { TSBUILD_REGISTRY_MIRRORS: `docker.io=${registry.origin}` }
  const stage: Stage = {
    stores: [join(folder, 'store'), join(folder, 'empty-store')],
    registry,
    env: { ...process.env, ...mirror },
    port: (await isFree(servicePort)) ? servicePort : 0,
  }
  stack.defer(() => removeContainers(stage))
  if (!isHubReachable) {
    say(
      'Docker Hub cannot be reached from here. openjdk:8 is a STAND-IN: a Java runtime made from the packages of this distribution,',
    )
    say(
      `served by a local registry that tsbuild uses as a mirror of Docker Hub (${mirror.TSBUILD_REGISTRY_MIRRORS}). The Dockerfile is untouched.`,
    )
  }
  const digest = await buildAndPush(stage)
  await pullAndRun(stage, digest)
  say(`\nAll done in ${seconds(startedAt)}. Nothing is left running.`)
  say(`
Try next:
  bin/tsbuild -t multi fixtures/multi-stage && bin/tsbuild run --rm multi
  bin/tsbuild images        bin/tsbuild ps -a        bin/tsbuild --help
  alias docker=$PWD/bin/tsbuild`)
}

async function buildAndPush(stage: Stage): Promise<string> {
  const [store] = stage.stores
  const remote = `${stage.registry.host}/basic-img:1.0`
  const context = 'fixtures/basic-img'
  await step('Build the image from its Dockerfile', stage, store, ['-t', 'basic-img', context])
  await step('List it', stage, store, ['images', 'basic-img'])
  await step('Build it again under another name: every step is cached', stage, store, ['-t', 'basic-img:1.0', context])
  await runAndAsk(stage, store, 'basic-img')
  await step('Name it for a registry', stage, store, ['tag', 'basic-img:1.0', remote])
  const pushed = await step('Push it', stage, store, ['push', remote])
  const digest = /sha256:[0-9a-f]{64}/.exec(pushed)?.[0]
  if (digest === undefined) throw new Error('push printed no digest')
  return digest
}

async function pullAndRun(stage: Stage, digest: string): Promise<void> {
  const [, store] = stage.stores
  const remote = `${stage.registry.host}/basic-img@${digest}`
  await step('Pull it by digest into an empty store', stage, store, ['pull', remote])
  await runAndAsk(stage, store, remote)
}

async function runAndAsk(stage: Stage, store: string, image: string): Promise<void> {
  const publish = stage.port === 0 ? `${servicePort}` : `${stage.port}:${servicePort}`
  await step('Run it, with its port published', stage, store, ['run', '-d', '--name', 'web', '-p', publish, image])
  const address =
    stage.port === 0
      ? (await capture(stage, store, ['port', 'web', `${servicePort}`])).split('\n')[0]!.trim()
      : `127.0.0.1:${stage.port}`
  await ask(`http://${address.replace('0.0.0.0', '127.0.0.1')}/`)
  await step('See it run, and what it said', stage, store, ['ps'])
  await step(undefined, stage, store, ['logs', 'web'])
  await step('Stop and remove it', stage, store, ['stop', 'web'])
  await step(undefined, stage, store, ['rm', 'web'])
}

/** Runs one command as a user would and gives what it printed on stdout. */
async function step(title: string | undefined, stage: Stage, store: string, args: readonly string[]): Promise<string> {
  if (title !== undefined) say(`\n${(count += 1)}. ${title}`)
  say(`$ tsbuild ${args.join(' ')}`)
  const startedAt = performance.now()
  const { status, output } = await run(stage, store, args, true)
  if (interrupted) throw new Error('interrupted')
  if (status !== 0) throw new Error(`tsbuild ${args[0]} ended with status ${status}`)
  say(`  (${seconds(startedAt)})`)
  return output
}

async function capture(stage: Stage, store: string, args: readonly string[]): Promise<string> {
  return (await run(stage, store, args, false)).output
}

async function run(
  stage: Stage,
  store: string,
  args: readonly string[],
  show: boolean,
): Promise<{ status: number; output: string }> {
  const child = spawn(join(home, 'bin/tsbuild'), ['--root', store, ...args], {
    cwd: home,
    env: { ...stage.env, TSBUILD_RUN_ROOT: `${store}-run` },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString()
    if (show) process.stdout.write(chunk)
  })
  const [code] = (await once(child, 'close')) as [number | null]
  return { status: code ?? 1, output }
}

/** The service needs a moment to start: asks until it answers. */
async function ask(url: string): Promise<void> {
  say(`\n${(count += 1)}. Ask it\n$ curl ${url}`)
  const startedAt = performance.now()
  for (let left = 100; ; left--) {
    if (interrupted) throw new Error('interrupted')
    const answer = await fetch(url).then(
      (response) => response.text(),
      () => undefined,
    )
    if (answer !== undefined) {
      process.stdout.write(answer)
      say(`  (${seconds(startedAt)})`)
      return
    }
    if (left === 0) throw new Error(`${url} does not answer`)
    await sleep(100)
  }
}

async function removeContainers(stage: Stage): Promise<void> {
  for (const store of stage.stores) {
    const ids = (await capture(stage, store, ['ps', '-aq'])).split('\n').filter((id) => id !== '')
    if (ids.length > 0) await capture(stage, store, ['rm', '-f', ...ids])
  }
}

async function reaches(url: string): Promise<boolean> {
  return fetch(url, { signal: AbortSignal.timeout(4000) }).then(
    (response) => response.status === 401 || response.ok,
    () => false,
  )
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  const free = new Promise<boolean>((resolve) =>
    server.once('error', () => resolve(false)).listen(port, () => resolve(true)),
  )
  const result = await free
  if (result) await new Promise((resolve) => server.close(resolve))
  return result
}

function seconds(startedAt: number): string {
  return `${((performance.now() - startedAt) / 1000).toFixed(2)} s`
}
