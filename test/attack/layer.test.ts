import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { applyLayer, layerLimits } from '../../src/layer/layer-store.ts'
import { parseDigest } from '../../src/oci/digest.ts'
import { testCore } from '../helpers/core.ts'
import { tar } from '../helpers/tar.ts'

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
