import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { explainSkip, peerCommand } from '../helpers/peers.ts'
import { startRegistry } from '../helpers/registry.ts'
import type { Registry } from '../helpers/registry.ts'
import { openCli, projectHome, standIns } from '../helpers/tsbuild.ts'
import type { Cli } from '../helpers/tsbuild.ts'

let hub: Registry
let target: Registry
let cli: Cli
let digest: string
let name: string

beforeAll(async () => {
  hub = await startRegistry({ seed: standIns })
  target = await startRegistry()
  cli = openCli({ hub: hub.origin })
  name = `${target.host}/basic-img`
  await cli.ok('-t', 'basic-img', join(projectHome, 'fixtures/basic-img'))
})
afterAll(async () => {
  await cli[Symbol.asyncDispose]()
  await hub[Symbol.asyncDispose]()
  await target[Symbol.asyncDispose]()
})

const manifestTypes = 'application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json'

describe('push and pull', () => {
  it('a push prints the digest that the registry has', async () => {
    await cli.ok('tag', 'basic-img', `${name}:1.0`)
    const output = await cli.ok('push', `${name}:1.0`)
    digest = /^1\.0: digest: (sha256:[0-9a-f]{64}) size: \d+$/m.exec(output)?.[1] ?? ''
    const response = await fetch(`${target.origin}/v2/basic-img/manifests/1.0`, { headers: { accept: manifestTypes } })
    expect(response.headers.get('docker-content-digest')).toBe(digest)
  })

  it('the layer of the base is the blob that came from its registry', async () => {
    const read = async (
      origin: string,
      repository: string,
      tag: string,
    ): Promise<{ layers: readonly { digest: string }[] }> =>
      (
        await fetch(`${origin}/v2/${repository}/manifests/${tag}`, { headers: { accept: manifestTypes } })
      ).json() as never
    const [base, pushed] = await Promise.all([
      read(hub.origin, 'library/openjdk', '8'),
      read(target.origin, 'basic-img', '1.0'),
    ])
    expect(pushed.layers[0]!.digest).toBe(base.layers[0]!.digest)
  })

  it('a second push moves nothing', async () => {
    const before = target.log.filter((line) => /"(POST|PATCH|PUT) [^"]*blobs/.test(line)).length
    await cli.ok('push', `${name}:1.0`)
    expect(target.log.filter((line) => /"(POST|PATCH|PUT) [^"]*blobs/.test(line)).length).toBe(before)
  })

  it('after rmi it comes back by digest, and runs', async () => {
    await cli.ok('rmi', '-f', `${name}:1.0`, 'basic-img')
    expect(await cli.ok('images', '-q', name)).toBe('')
    const output = await cli.ok('pull', `${name}@${digest}`)
    expect(output).toContain(`Digest: ${digest}`)
    const version = await cli.run(['run', '--rm', '--entrypoint', 'java', `${name}@${digest}`, '-version'])
    expect(version.status).toBe(0)
  })
})

describe('bad input', () => {
  it('a digest that the registry does not have', async () => {
    const before = await cli.inventory()
    const wrong = `sha256:${'0'.repeat(64)}`
    const error = await cli.fails(['pull', `${name}@${wrong}`])
    expect(error).toMatchObject({ code: 'REGISTRY_NOT_FOUND', status: 1 })
    expect(error.message).toContain(wrong)
    expect(await cli.inventory()).toEqual(before)
  })

  it('content that is not what its digest promises', async () => {
    const { rewriteBlob } = await import('../helpers/corrupt-registry.ts')
    await using bad = await startRegistry({ seed: standIns })
    rewriteBlob(bad.data, 'library/debian')
    await using other = openCli()
    await other.run(['images'])
    const before = await other.inventory()
    const error = await other.fails(['pull', `${bad.host}/library/debian:bookworm`])
    expect(error).toMatchObject({ code: 'DIGEST_MISMATCH', status: 1 })
    expect(await other.inventory()).toEqual(before)
  })

  it('a registry that is down', async () => {
    const before = await cli.inventory()
    expect(await cli.fails(['pull', '127.0.0.1:1/x'])).toMatchObject({ code: 'REGISTRY_UNREACHABLE', status: 1 })
    await cli.ok('tag', `${name}@${digest}`, '127.0.0.1:1/x')
    expect(await cli.fails(['push', '127.0.0.1:1/x'])).toMatchObject({ code: 'REGISTRY_UNREACHABLE', status: 1 })
    await cli.ok('rmi', '127.0.0.1:1/x')
    expect(await cli.inventory()).toEqual(before)
  })

  it.for([
    [['push', 'no-such-image'], 'IMAGE_NOT_FOUND'],
    [['tag', 'no-such-image', 'x'], 'IMAGE_NOT_FOUND'],
    [['rmi', 'no-such-image'], 'IMAGE_NOT_FOUND'],
    [['pull', 'x:'], 'REFERENCE_INVALID'],
    [['pull', 'x@sha256:abc'], 'DIGEST_INVALID'],
  ] as const)('%j', async ([args, code]) => {
    expect(await cli.fails(args)).toMatchObject({ code, status: 1 })
  })
})

describe('real tools read what was pushed', () => {
  it('skopeo sees the same config', (test) => {
    const skopeo = peerCommand('skopeo')
    if (skopeo === undefined) {
      explainSkip('skopeo')
      test.skip()
      return
    }
    const output = execFileSync(
      skopeo[0]!,
      [...skopeo.slice(1), 'inspect', '--tls-verify=false', '--config', `docker://${name}:1.0`],
      { encoding: 'utf8' },
    )
    expect(JSON.parse(output)).toMatchObject({
      config: { Entrypoint: ['java', '-jar', 'app-in-image.jar'], WorkingDir: '/opt' },
    })
  })

  it('crane finds the manifest and every blob valid', (test) => {
    const crane = peerCommand('crane')
    if (crane === undefined) {
      explainSkip('crane')
      test.skip()
      return
    }
    expect(
      execFileSync(crane[0]!, [...crane.slice(1), 'digest', '--insecure', `${name}:1.0`], { encoding: 'utf8' }).trim(),
    ).toBe(digest)
    execFileSync(crane[0]!, [...crane.slice(1), 'validate', '--insecure', '--remote', `${name}:1.0`])
  })

  it.for(['docker', 'podman'] as const)('%s pulls and runs it', (peer, test) => {
    const command = peerCommand(peer)
    if (command === undefined) {
      explainSkip(peer)
      test.skip()
      return
    }
    const insecure = peer === 'podman' ? ['--tls-verify=false'] : []
    const call = (...args: readonly string[]): string =>
      execFileSync(command[0]!, [...command.slice(1), ...args], { encoding: 'utf8' })
    call('pull', ...insecure, `${name}@${digest}`)
    try {
      expect(
        call(
          'run',
          '--rm',
          '--network',
          'none',
          '--entrypoint',
          'sh',
          `${name}@${digest}`,
          '-c',
          'java -version 2>&1; ls /opt',
        ),
      ).toContain('app-in-image.jar')
    } finally {
      call('rmi', '-f', `${name}@${digest}`)
    }
  })
})
