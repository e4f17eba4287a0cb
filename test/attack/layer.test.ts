import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { applyLayer, layerLimits } from '../../src/layer/layer-store.ts'
import { parseDigest } from '../../src/oci/digest.ts'
import { testCore } from '../helpers/core.ts'
import { tar, type TarEntry } from '../helpers/tar.ts'
import type { Cli } from '../helpers/tsbuild.ts'
import { expectUntouched, makeHost, openWay, ways } from './ways.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tsbuild-layer-'))
  mkdirSync(join(root, 'target'))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

// Defence: layerLimits. Without it the file is made, and so is whatever a registry makes of a few bytes.
it.for(['1000000000000', '9000000000000000000'])('a small layer that claims %s bytes is a bomb', async (size) => {
  const archive = tar({ name: 'bomb', data: 'abcd', pax: { 'GNU.sparse.size': size, 'GNU.sparse.map': '0,4' } })
  const blob = join(root, 'blob')
  writeFileSync(blob, gzipSync(archive))
  const diffId = parseDigest(`sha256:${createHash('sha256').update(archive).digest('hex')}`)
  const target = { kind: 'dir', path: join(root, 'target') } as const
  const signal = new AbortController().signal
  await expect(applyLayer(testCore(), blob, target, { mode: 'alone', diffId, signal })).rejects.toMatchObject({
    code: 'LAYER_INVALID',
    message: expect.stringMatching(/limit|too large/) as string,
  })
  expect(readdirSync(join(root, 'target'))).toEqual([])
})

it('a layer may be large, and shrink well', () => {
  expect(layerLimits(0).bytes).toBeGreaterThan(10 * 2 ** 30)
  expect(layerLimits(2 ** 30).bytes).toBeGreaterThan(100 * 2 ** 30)
})

/** An archive of one image, as `load` reads it, with this layer. */
function archiveOf(layer: Buffer): Buffer {
  const blobs = new Map<string, Buffer>()
  const keep = (data: Buffer | string) => {
    const bytes = Buffer.from(data)
    const hex = createHash('sha256').update(bytes).digest('hex')
    blobs.set(hex, bytes)
    return { digest: `sha256:${hex}`, size: bytes.length }
  }
  const described = { mediaType: 'application/vnd.oci.image.layer.v1.tar', ...keep(layer) }
  const rootfs = { type: 'layers', diff_ids: [described.digest] }
  const config = keep(JSON.stringify({ architecture: 'amd64', os: 'linux', config: {}, rootfs }))
  const mediaType = 'application/vnd.oci.image.manifest.v1+json'
  const manifest = keep(
    JSON.stringify({
      schemaVersion: 2,
      mediaType,
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...config },
      layers: [described],
    }),
  )
  const annotations = { 'org.opencontainers.image.ref.name': 'evil:1' }
  const index = { schemaVersion: 2, manifests: [{ mediaType, ...manifest, annotations }] }
  return tar(
    { name: 'oci-layout', data: '{"imageLayoutVersion":"1.0.0"}' },
    { name: 'index.json', data: JSON.stringify(index) },
    ...[...blobs].map(([hex, data]) => ({ name: `blobs/sha256/${hex}`, data })),
  )
}

// Defences: names are refused, links are followed inside the layer's own tree only. Each case writes to the host without them.
describe.for(ways)('unpacked by %s', (way) => {
  let cli: Cli
  let host: string
  beforeAll(() => {
    cli = openWay(way, {})
    host = makeHost(cli.folder)
  })
  afterAll(() => cli[Symbol.asyncDispose]())
  afterEach(() => expectUntouched(host))

  const up = '../../../../../../../../../..'
  const link = (name: string, target: string): TarEntry => ({ name, type: '2', link: target })
  const file = (name: string): TarEntry => ({ name, data: 'planted', mode: 0o4755 })

  it.for<[string, () => TarEntry[]]>([
    ['a name that climbs', () => [file(`${up}${host}/planted`)]],
    ['a name that climbs back in between', () => [file(`a/${up}${host}/planted`)]],
    ['a hard link that climbs', () => [{ name: 'h', type: '1', link: `${up}${host}/secret` }]],
    ['a hard link through a link', () => [link('l', host), { name: 'h', type: '1', link: 'l/secret' }, file('h')]],
    ['a whiteout that climbs', () => [file('a/.wh...')]],
  ])('%s is refused', async ([, entries]) => {
    const path = join(cli.folder, 'evil.tar')
    writeFileSync(path, archiveOf(tar(...entries())))
    const said = [
      await cli.run(['load', '-i', path]),
      await cli.run(['run', '--rm', '--network', 'none', 'evil:1', 'x']),
    ]
    expect(said.map(({ stderr }) => stderr).join('\n')).toContain('[LAYER_INVALID]')
    await cli.run(['rmi', '-f', 'evil:1'])
  })

  it.for<[string, () => TarEntry[]]>([
    ['a file behind an absolute link', () => [link('l', host), file('l/planted')]],
    ['a file behind a link that climbs', () => [link('l', `${up}${host}`), file('l/planted')]],
    ['a directory that becomes a link', () => [{ name: 'd', type: '5' }, link('d', host), file('d/planted')]],
    ['a link that is written to', () => [link('f', `${host}/secret`), file('f')]],
    ['a whiteout behind a link', () => [link('l', host), file('l/.wh.secret'), file('l/.wh..wh..opq')]],
    ['an absolute name', () => [file(`${host}/planted`)]],
  ])('%s stays inside', async ([, entries]) => {
    const path = join(cli.folder, 'evil.tar')
    writeFileSync(path, archiveOf(tar(...entries())))
    await cli.ok('load', '-i', path)
    // There is no program in it, but it is unpacked by then.
    expect(await cli.fails(['run', '--rm', '--network', 'none', 'evil:1', 'x'])).toMatchObject({
      code: 'EXEC_NOT_FOUND',
    })
    await cli.ok('rmi', '-f', 'evil:1')
  })
})
