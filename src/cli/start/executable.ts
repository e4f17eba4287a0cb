/** What the single executable starts with: chunks and their code are inside it. */
import { dirname, join } from 'node:path'
import { getAsset, getAssetKeys, getRawAsset } from 'node:sea'
import { createChunkLoader } from './chunk-loader.ts'

declare const TSBUILD_ENTRY: string

const names = new Set(getAssetKeys())
const load = createChunkLoader({
  path: (name) => join(dirname(process.execPath), name),
  text: (name) => getAsset(name, 'utf8'),
  code: (name) => (names.has(`${name}.code`) ? Buffer.from(getRawAsset(`${name}.code`)) : undefined),
})
load(TSBUILD_ENTRY)
