import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { image as small, openContainerCli } from '../../helpers/container-cli.ts'
import { explainSkip, peerCommand } from '../../helpers/peers.ts'
import { projectHome } from '../../helpers/tsbuild.ts'
import type { Cli } from '../../helpers/tsbuild.ts'
import { startRegistry } from '../../helpers/registry.ts'
import type { Registry } from '../../helpers/registry.ts'
import { ownDriver, peerDriver } from './driver.ts'
import type { Driver } from './driver.ts'
import { image } from './row.ts'
import { rows, typed } from './rows.ts'

/** What the docker tutorials type, row by row, with `docker` meaning tsbuild; and the same with docker where one is given. */
let cli: Cli
let own: Driver
let registry: Registry
beforeAll(async () => {
  cli = await openContainerCli()
  registry = await startRegistry()
  own = ownDriver(cli, join(projectHome, 'bin/tsbuild'), registry.host)
  await cli.ok('tag', small, image)
  await cli.ok('rmi', small)
})
afterAll(async () => {
  await cli[Symbol.asyncDispose]()
  await registry[Symbol.asyncDispose]()
})

it('every row is typed', () => {
  expect([...new Set(typed)]).toEqual(Array.from({ length: 89 }, (_, index) => index + 1))
})

describe('with docker=tsbuild', () => {
  it.for(rows)('rows $rows: $types', async ({ does, gives }) => {
    expect(await does(own)).toEqual(gives)
  })
})

const docker = peerCommand('docker')
if (docker === undefined) explainSkip('docker')

describe.skipIf(docker === undefined)('with docker itself', () => {
  let peer: Driver
  beforeAll(async () => {
    peer = peerDriver(docker!, cli.folder, registry.host)
    const archive = join(cli.folder, 'image.tar')
    await cli.ok('save', '-o', archive, image)
    const { status, stderr } = spawnSync(docker![0]!, [...docker!.slice(1), 'load', '-i', archive], {
      encoding: 'utf8',
    })
    if (status !== 0) throw new Error(stderr)
  })
  afterAll(() => peer.run(['rmi', '-f', image]))

  it.for(rows)('rows $rows: $types', async ({ does, gives, docker: differs }) => {
    if (differs !== undefined) process.stdout.write(`intended difference: ${differs.because}\n`)
    expect(await does(peer)).toEqual(differs === undefined ? gives : differs.gives)
  })
})
