import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TestContext } from 'vitest'
import { manifestAccept } from '../../src/oci/media-types.ts'
import { explainSkip, peerCommand } from '../helpers/peers.ts'
import type { Peer } from '../helpers/peers.ts'
import { startRegistry } from '../helpers/registry.ts'
import type { Registry } from '../helpers/registry.ts'
import { tarOf } from '../helpers/tar-image.ts'
import { openCli } from '../helpers/tsbuild.ts'
import type { Cli } from '../helpers/tsbuild.ts'

/** What we push in each format, the real tools read, and the reverse. */
let registry: Registry
let cli: Cli
let repository: string

beforeAll(async () => {
  registry = await startRegistry()
  cli = openCli()
  repository = `${registry.host}/peers/app`
  writeFileSync(
    join(cli.folder, 'rootfs.tar'),
    await tarOf({ 'etc/motd': 'hello\n', 'data.bin': Buffer.alloc(300_000, 'data') }),
  )
  await cli.ok('import', '-c', 'ENV PEER=1', '-c', 'CMD ["/x"]', join(cli.folder, 'rootfs.tar'), 'own:1')
})
afterAll(async () => {
  await cli[Symbol.asyncDispose]()
  await registry[Symbol.asyncDispose]()
})

function callOrSkip(peer: Peer, test: TestContext): (...args: readonly string[]) => string {
  const [program = '', ...words] = peerCommand(peer) ?? []
  if (program === '') {
    explainSkip(peer)
    test.skip()
  }
  return (...args) =>
    execFileSync(program, [...words, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

const insecure = { docker: [], podman: ['--tls-verify=false'] } as const

describe.for(['gzip', 'zstd', 'uncompressed'] as const)('pushed with %s', (compression) => {
  let name: string
  let digest: string
  beforeAll(async () => {
    name = `${repository}:${compression}`
    await cli.ok('tag', 'own:1', name)
    const output = await cli.ok('push', '--compression', compression, name)
    digest = /digest: (sha256:[0-9a-f]{64})/.exec(output)?.[1] ?? ''
  })

  it.for(['docker', 'podman'] as const)('%s pulls it', (peer, test) => {
    const call = callOrSkip(peer, test)
    call('pull', ...insecure[peer], `${name}@${digest}`)
    try {
      expect(call('image', 'inspect', '--format', '{{index .Config.Env 0}}', `${name}@${digest}`).trim()).toBe('PEER=1')
    } finally {
      call('rmi', '-f', `${name}@${digest}`)
    }
  })

  it('skopeo copies it, digest unchanged', (test) => {
    const call = callOrSkip('skopeo', test)
    const copy = `${repository}:skopeo-${compression}`
    call(
      'copy',
      '--preserve-digests',
      '--src-tls-verify=false',
      '--dest-tls-verify=false',
      `docker://${name}`,
      `docker://${copy}`,
    )
    expect(call('inspect', '--tls-verify=false', '--format', '{{.Digest}}', `docker://${copy}`).trim()).toBe(digest)
  })

  it('crane finds it valid', (test) => {
    const call = callOrSkip('crane', test)
    expect(call('digest', '--insecure', name).trim()).toBe(digest)
    // crane takes every layer for gzip while it validates.
    if (compression === 'gzip') call('validate', '--insecure', '--remote', name)
  })

  it('we pull it back into an empty store', async () => {
    await using other = openCli()
    await other.ok('pull', name)
    expect(await other.ok('image', 'inspect', '-f', '{{index .RepoDigests 0}}', name)).toContain(digest)
  })
})

describe('pushed by others', () => {
  it.for<[Peer, string, readonly string[]]>([
    ['docker', 'docker', []],
    ['podman', 'oci', ['--format', 'oci']],
    ['podman', 'v2s2', ['--format', 'v2s2']],
    ['podman', 'zstd', ['--format', 'oci', '--compression-format', 'zstd', '--force-compression']],
  ])('%s, %s', async ([peer, kind, flags], test) => {
    const call = callOrSkip(peer, test)
    const name = `${repository}:${peer}-${kind}`
    call('import', join(cli.folder, 'rootfs.tar'), name)
    try {
      call('push', ...(peer === 'podman' ? ['--tls-verify=false'] : []), ...flags, name)
    } finally {
      call('rmi', '-f', name)
    }
    await cli.ok('pull', name)
    const head = await fetch(`${registry.origin}/v2/peers/app/manifests/${peer}-${kind}`, {
      method: 'HEAD',
      headers: { accept: manifestAccept },
    })
    expect(await cli.ok('image', 'inspect', '-f', '{{json .RepoDigests}}', name)).toContain(
      head.headers.get('docker-content-digest') ?? 'none',
    )
    expect(await cli.ok('registry', 'validate', '-q', name)).toBe('')
  })
})

describe('archives', () => {
  it.for(['docker', 'podman'] as const)('%s loads what we save, and the reverse', async (peer, test) => {
    const call = callOrSkip(peer, test)
    const saved = join(cli.folder, `${peer}-saved.tar`)
    await cli.ok('tag', 'own:1', `localhost/archived-${peer}:1`)
    await cli.ok('save', '-o', saved, `localhost/archived-${peer}:1`)
    call('load', '-i', saved)
    const theirs = join(cli.folder, `${peer}-theirs.tar`)
    try {
      call('save', '-o', theirs, `localhost/archived-${peer}:1`)
    } finally {
      call('rmi', '-f', `localhost/archived-${peer}:1`)
    }
    await using other = openCli()
    expect(await other.ok('load', '-i', theirs)).toContain(`localhost/archived-${peer}:1`)
    expect(await other.ok('image', 'inspect', '-f', '{{.Id}}', `localhost/archived-${peer}:1`)).toBe(
      await cli.ok('image', 'inspect', '-f', '{{.Id}}', 'own:1'),
    )
  })

  it.for(['oci', 'docker'] as const)('skopeo reads our %s archive', async (format, test) => {
    const call = callOrSkip('skopeo', test)
    const path = join(cli.folder, `${format}.tar`)
    await cli.ok('registry', 'copy', '-q', 'store:own:1', `${format}-archive:${path}:localhost/x:1`)
    expect(call('inspect', '--config', `${format}-archive:${path}`)).toContain('PEER=1')
  })
})

it('the store served as a registry is pulled from and pushed to', async (test) => {
  const call = callOrSkip('crane', test)
  const { spawn } = await import('node:child_process')
  const { projectHome } = await import('../helpers/tsbuild.ts')
  const server = spawn(
    join(projectHome, 'bin/tsbuild'),
    ['--root', cli.root, 'registry', 'serve', '-q', '--listen', '127.0.0.1:0'],
    { env: cli.environment, stdio: ['ignore', 'pipe', 'inherit'] },
  )
  try {
    const line = await new Promise<string>((resolve) =>
      server.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString())),
    )
    const host = /http:\/\/(\S+)/.exec(line)?.[1] ?? ''
    expect(call('config', '--insecure', `${host}/own:1`)).toContain('PEER=1')
    call('copy', '--insecure', `${host}/own:1`, `${host}/copied:2`)
    expect(await cli.ok('images', '-q', 'copied')).not.toBe('')
  } finally {
    server.kill('SIGINT')
    await new Promise((resolve) => server.once('exit', resolve))
  }
})
