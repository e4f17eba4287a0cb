import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest'
import type { SampleImage } from '../helpers/registry-client.ts'
import { startFaultyRegistry } from '../helpers/registry-memory.ts'
import type { FaultyRegistry } from '../helpers/registry-memory.ts'
import type { Reply } from '../helpers/registry-script.ts'
import { passThrough, stalledBody } from '../helpers/registry-script.ts'
import { tarImage } from '../helpers/tar-image.ts'
import { openCli, projectHome } from '../helpers/tsbuild.ts'
import type { Cli } from '../helpers/tsbuild.ts'

let image: SampleImage
let registry: FaultyRegistry
let cli: Cli
let name: string

beforeAll(async () => {
  image = await tarImage([{ 'a.bin': randomBytes(2_000_000) }, { 'b.txt': 'b' }], { compression: 'none' })
})
beforeEach(async () => {
  registry = await startFaultyRegistry()
  registry.memory.add('app', 'v1', image)
  name = `${registry.host}/app:v1`
  cli = openCli()
})
afterEach(async () => {
  await cli[Symbol.asyncDispose]()
  await registry[Symbol.asyncDispose]()
})

function start(...args: readonly string[]): ChildProcess {
  return spawn(join(projectHome, 'bin/tsbuild'), ['--root', cli.root, ...args], {
    cwd: cli.folder,
    env: cli.environment,
    stdio: 'ignore',
  })
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}

/** Bytes of partial blobs in the store. */
function partial(): number {
  const folder = join(cli.root, 'ingest')
  return existsSync(folder) ? Math.max(0, ...readdirSync(folder).map((one) => statSync(join(folder, one)).size)) : 0
}

const layer = (): { readonly path: string; readonly content: Uint8Array } => ({
  path: `/v2/app/blobs/${image.manifest.layers[0]?.digest ?? ''}`,
  content: image.layers[0] ?? Buffer.alloc(0),
})

it('a pull that is killed in a layer goes on there', async () => {
  const { path, content } = layer()
  registry.on('GET', path, stalledBody(200, content, 1_500_000), passThrough)
  const child = start('pull', name)
  await vi.waitFor(() => expect(partial()).toBeGreaterThan(1_000_000), 60_000)
  await kill(child)
  expect(await cli.ok('images', '-q')).toBe('')
  await cli.ok('pull', name)
  const from = Number(
    /^bytes=(\d+)-$/.exec(registry.requests.findLast((one) => one.path === path)?.headers.range ?? '')?.[1],
  )
  expect(from).toBeGreaterThan(1_000_000)
  expect(await cli.ok('image', 'inspect', '--format', '{{index .RepoDigests 0}}', name)).toContain(image.digest)
  expect((await cli.inventory()).filter((one) => one.startsWith('ingest/'))).toEqual([])
})

it('a pull that is killed at any moment leaves a store that the next one completes', async () => {
  for (const moment of [50, 120, 200, 280, 360, 500]) {
    const child = start('pull', name)
    await new Promise((resolve) => setTimeout(resolve, moment))
    await kill(child)
    expect([`${name}\n`, '']).toContain(await cli.ok('images', '--format', '{{.Repository}}:{{.Tag}}'))
  }
  await cli.ok('pull', name)
  await cli.ok('save', '-o', join(cli.folder, 'x.tar'), name)
  expect((await cli.inventory()).filter((one) => one.startsWith('ingest/'))).toEqual([])
})

it('a push that is killed in a layer leaves no name; the next one completes it', async () => {
  await cli.ok('pull', name)
  const target = `${registry.host}/copy:v1`
  await cli.ok('tag', name, target)
  const { content } = layer()
  registry.memory.blobs.clear()
  let held = 0
  registry.on('POST', /\/copy\/blobs\/uploads\/\?mount=/, passThrough)
  // The layers come side by side, in any order: the large one is held in its middle, until the push is dead.
  let holding = true
  const hold: Reply = (request) => {
    if (!holding || Number(request.headers['content-length']) < content.byteLength / 2) return 'pass'
    request.on('data', (chunk: Buffer) => {
      held += chunk.byteLength
      if (held > content.byteLength / 2) request.pause()
    })
    return undefined
  }
  registry.on('PATCH', /\/copy\/blobs\/uploads\//, hold, hold, hold, hold, hold, passThrough)
  const child = start('push', target)
  await vi.waitFor(() => expect(held).toBeGreaterThan(content.byteLength / 2), 60_000)
  await kill(child)
  holding = false
  expect(registry.memory.manifests.has('copy:v1')).toBe(false)
  await cli.ok('push', target)
  expect(registry.memory.manifests.get('copy:v1')?.digest).toBe(image.digest)
  expect(registry.memory.blobs.get(image.manifest.layers[0]!.digest)?.byteLength).toBe(content.byteLength)
})
