import { createHash, randomBytes } from 'node:crypto'
import { createReadStream, existsSync, mkdirSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { chmod, open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { syncDirectory } from '../base/atomic-file.ts'
import { TsbuildError } from '../base/errors.ts'
import { sparingly } from '../base/sparingly.ts'
import { digestAlgorithm, digestHex, isDigest, sha256 } from '../oci/digest.ts'
import type { Digest } from '../oci/digest.ts'
import type { ContentStore, Scratch } from './content.ts'
import { openIngest } from './ingest.ts'
import { blobMissing, sizeMismatch } from './faults.ts'
import type { Lease } from './lease.ts'

/** Documents (manifests, configs) are far below this; a bigger one is an attack or a mistake. */
const readLimit = 8 * 1024 * 1024

export interface ContentPaths {
  /** Holds `<algorithm>/<hex>`. */
  readonly blobs: string
  /** Holds unfinished work. */
  readonly ingest: string
}

export function createContentStore(paths: ContentPaths, lease: Lease): ContentStore {
  const path = (digest: Digest): string => join(paths.blobs, digestAlgorithm(digest), digestHex(digest))

  function size(digest: Digest): number | undefined {
    return statSync(path(digest), { throwIfNoEntry: false })?.size
  }

  /** A file that was changed on the disk is not the content: it is written again. */
  function isThere(digest: Digest, content: Buffer): boolean {
    return size(digest) === content.byteLength && readFileSync(path(digest)).equals(content)
  }

  /** Gives the finished file its name. The lease holds it until some record names it. */
  async function reveal(file: string, digest: Digest): Promise<void> {
    lease.hold('blob', digest)
    const target = path(digest)
    mkdirSync(join(paths.blobs, digestAlgorithm(digest)), { recursive: true })
    await chmod(file, 0o444)
    await rename(file, target)
    await syncDirectory(join(paths.blobs, digestAlgorithm(digest)))
  }

  async function scratch(): Promise<Scratch> {
    mkdirSync(paths.ingest, { recursive: true, mode: 0o700 })
    const file = join(paths.ingest, `scratch-${lease.id}-${randomBytes(6).toString('hex')}`)
    return {
      path: file,
      async adopt(digest, length) {
        const handle = await open(file, 'r+')
        try {
          const { size: actual } = await handle.stat()
          if (actual !== length) throw sizeMismatch(digest, length, actual)
          await handle.sync()
        } finally {
          await handle.close()
        }
        await reveal(file, digest)
      },
      [Symbol.asyncDispose]: () => rm(file, { force: true }),
    }
  }

  return {
    size,
    path,
    scratch,
    async read(digest, limit = readLimit) {
      const length = size(digest)
      if (length === undefined) throw blobMissing(digest)
      if (length > limit)
        throw new TsbuildError(
          'SIZE_MISMATCH',
          `Cannot read blob ${digest}: it has ${length} bytes, at most ${limit} are allowed`,
        )
      const content = readFileSync(path(digest))
      const actual = `${digestAlgorithm(digest)}:${createHash(digestAlgorithm(digest)).update(content).digest('hex')}`
      if (actual !== digest) {
        throw new TsbuildError('STORE_CORRUPT', `Cannot read blob ${digest}: its content has the digest ${actual}`, {
          hint: 'The file was changed on disk; remove the image and pull or build it again',
        })
      }
      return content
    },
    stream(digest, start = 0) {
      if (size(digest) === undefined) throw blobMissing(digest)
      return sparingly(createReadStream(path(digest), { start, highWaterMark: 64 * 1024 }))
    },
    async put(content) {
      const digest = sha256(content)
      lease.hold('blob', digest)
      if (isThere(digest, Buffer.from(content))) return digest
      await using file = await scratch()
      const handle = await open(file.path, 'wx', 0o600)
      try {
        await handle.writeFile(content)
      } finally {
        await handle.close()
      }
      await file.adopt(digest, Buffer.byteLength(content))
      return digest
    },
    async ingest(want, options = {}) {
      if (size(want.digest) !== undefined) return held(want.digest)
      mkdirSync(paths.ingest, { recursive: true, mode: 0o700 })
      const claim = await lease.claim(`ingest ${want.digest}`, options.signal)
      if (size(want.digest) !== undefined) {
        claim[Symbol.dispose]()
        return held(want.digest)
      }
      return openIngest(join(paths.ingest, want.digest.replace(':', '-')), want, claim, (file) =>
        reveal(file, want.digest),
      )
    },
    digests: () =>
      ['sha256', 'sha512']
        .flatMap((algorithm) => namesIn(join(paths.blobs, algorithm)).map((hex) => `${algorithm}:${hex}`))
        .filter(isDigest),
    async remove(digest) {
      await rm(path(digest), { force: true })
    },
  }

  function held(digest: Digest): undefined {
    lease.hold('blob', digest)
    return undefined
  }
}

function namesIn(directory: string): readonly string[] {
  return existsSync(directory) ? readdirSync(directory) : []
}
