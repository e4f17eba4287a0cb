import { appendFileSync, mkdtempSync, readdirSync, rmSync, writeFileSync, chmodSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { sha256 } from '../../src/oci/digest.ts'
import type { ContentStore } from '../../src/store/content.ts'
import { openStore } from '../../src/store/store.ts'
import type { Store } from '../../src/store/store.ts'

let root: string
let store: Store
let content: ContentStore
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'tsbuild-content-'))
  store = await openStore(root)
  content = store.content
})
afterEach(() => {
  store[Symbol.dispose]()
  rmSync(root, { recursive: true, force: true })
})

const bytes = Buffer.from('layer content')
const digest = sha256(bytes)
const want = { digest, size: bytes.length }

async function collect(source: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of source) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

describe('small content', () => {
  it('is stored under its digest, read back, and held against GC', async () => {
    expect(await content.put(bytes)).toBe(digest)
    expect(await content.put(bytes)).toBe(digest)
    expect(content.size(digest)).toBe(bytes.length)
    expect(Buffer.from(await content.read(digest))).toEqual(bytes)
    expect(content.digests()).toEqual([digest])
    expect(store.db.all('SELECT key FROM holds')).toEqual([{ key: digest }])
    expect(readdirSync(join(root, 'ingest'))).toEqual([])
  })

  it('is not believed when the file was changed on disk, and is right again when it is put again', async () => {
    await content.put(bytes)
    for (const changed of ['layer CONTENT', '']) {
      chmodSync(content.path(digest), 0o644)
      writeFileSync(content.path(digest), changed)
      await expect(content.read(digest)).rejects.toMatchObject({ code: 'STORE_CORRUPT' })
      await content.put(bytes)
      expect(Buffer.from(await content.read(digest))).toEqual(bytes)
    }
    expect(readdirSync(join(root, 'ingest'))).toEqual([])
  })

  it('is refused above the limit', async () => {
    await content.put(bytes)
    await expect(content.read(digest, 4)).rejects.toMatchObject({ code: 'SIZE_MISMATCH' })
  })

  it('that is not there is named', async () => {
    await expect(content.read(digest)).rejects.toMatchObject({ code: 'BLOB_MISSING' })
    expect(() => content.stream(digest)).toThrow(expect.objectContaining({ code: 'BLOB_MISSING' }))
  })
})

describe('ingest', () => {
  it('shows nothing before commit and everything after it', async () => {
    {
      await using writer = await content.ingest(want)
      await writer?.write(bytes.subarray(0, 5))
      expect(content.size(digest)).toBeUndefined()
      await writer?.write(bytes.subarray(5))
      await writer?.commit()
    }
    expect(await collect(content.stream(digest))).toBe(bytes.toString())
    expect(await collect(content.stream(digest, 6))).toBe('content')
    expect(readdirSync(join(root, 'ingest'))).toEqual([])
    expect(await content.ingest(want)).toBeUndefined()
  })

  it('keeps what arrived and goes on from there', async () => {
    {
      await using writer = await content.ingest(want)
      await writer?.write(bytes.subarray(0, 5))
    }
    await using writer = await content.ingest(want)
    expect(writer?.offset).toBe(5)
    await writer?.write(bytes.subarray(5))
    await writer?.commit()
    expect(content.size(digest)).toBe(bytes.length)
  })

  it('starts again when asked to', async () => {
    await using writer = await content.ingest(want)
    await writer?.write(Buffer.from('wrong'))
    await writer?.restart()
    expect(writer?.offset).toBe(0)
    await writer?.write(bytes)
    await writer?.commit()
    expect(content.size(digest)).toBe(bytes.length)
  })

  it.for([
    ['other content', 'layer CONTENT', 'DIGEST_MISMATCH'],
    ['too little', 'layer', 'SIZE_MISMATCH'],
  ] as const)('refuses %s and forgets it', async ([, text, code]) => {
    {
      await using writer = await content.ingest(want)
      await writer?.write(Buffer.from(text))
      await expect(writer?.commit()).rejects.toMatchObject({ code })
    }
    expect(content.size(digest)).toBeUndefined()
    await using again = await content.ingest(want)
    expect(again?.offset).toBe(0)
  })

  it('refuses one byte too many before it is written', async () => {
    await using writer = await content.ingest(want)
    await writer?.write(bytes)
    await expect(writer?.write(Buffer.from('x'))).rejects.toMatchObject({ code: 'SIZE_MISMATCH' })
    expect(writer?.offset).toBe(bytes.length)
  })

  it('gives a second writer nothing when the first brings the blob', async () => {
    const first = await content.ingest(want)
    const second = content.ingest(want)
    await first?.write(bytes)
    await first?.commit()
    await first?.[Symbol.asyncDispose]()
    expect(await second).toBeUndefined()
  })

  it('does not believe a partial file that is longer than the blob', async () => {
    {
      await using writer = await content.ingest(want)
      await writer?.write(bytes)
    }
    appendFileSync(join(root, 'ingest', digest.replace(':', '-')), 'garbage after a crash')
    await using writer = await content.ingest(want)
    expect(writer?.offset).toBe(0)
  })
})

describe('scratch', () => {
  it('becomes a blob by the digest that its maker computed', async () => {
    await using file = await content.scratch()
    writeFileSync(file.path, bytes)
    await file.adopt(digest, bytes.length)
    expect(Buffer.from(await content.read(digest))).toEqual(bytes)
  })

  it('is refused with another size, and is gone without adoption', async () => {
    {
      await using file = await content.scratch()
      writeFileSync(file.path, bytes)
      await expect(file.adopt(digest, 1)).rejects.toMatchObject({ code: 'SIZE_MISMATCH' })
    }
    expect(content.size(digest)).toBeUndefined()
    expect(readdirSync(join(root, 'ingest'))).toEqual([])
  })
})
