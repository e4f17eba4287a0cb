import { createHash, randomBytes } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { TsbuildError } from '../../base/errors.ts'
import { sha256 } from '../../oci/digest.ts'
import type { Database } from '../../store/db/database.ts'
import type { WebRequest, WebResponse } from './web-client.ts'

/** A file that was fetched, until it is disposed. */
export interface WebFile extends AsyncDisposable {
  readonly path: string
  readonly digest: string
  /** The server's time of it, in milliseconds. */
  readonly modified?: number
}

/** Files from the web, fetched at most once a build and asked for by their validator when an earlier build had them. */
export interface WebFiles {
  /** What the URL gives now, by digest: a conditional request when the validator is known, else a download. FETCH_FAILED. */
  look(url: string, signal: AbortSignal): Promise<{ readonly digest: string; readonly modified?: number }>
  /** The content. DIGEST_MISMATCH when it is not what `checksum` says; FETCH_FAILED. */
  fetch(url: string, checksum: string | undefined, signal: AbortSignal): Promise<WebFile>
}

export interface WebFilesOptions {
  readonly db: Database
  readonly request: (request: WebRequest) => Promise<WebResponse>
  /** Path for a file of this build. */
  readonly temporary: (name: string) => string
}

interface Validator {
  readonly digest: string
  readonly etag: string | null
  readonly modified: number | null
}

export function createWebFiles({ db, request, temporary }: WebFilesOptions): WebFiles {
  const fetched = new Map<string, Promise<WebFile>>()

  function download(url: string, signal: AbortSignal): Promise<WebFile> {
    const known = fetched.get(url)
    if (known !== undefined) return known
    const started = request({ url, headers: {}, signal }).then((response) => receive(url, response))
    fetched.set(url, started)
    return started
  }

  async function receive(url: string, response: WebResponse): Promise<WebFile> {
    if (response.status < 200 || response.status > 299) throw refused(url, response)
    const path = temporary(`web-${randomBytes(6).toString('hex')}`)
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    const hash = createHash('sha256')
    try {
      await pipeline(response.body, hashing(hash), createWriteStream(path, { mode: 0o600 }))
    } catch (error) {
      await rm(path, { force: true })
      throw error
    }
    const digest = `sha256:${hash.digest('hex')}`
    const modified = timeOf(response.headers['last-modified'])
    const { etag } = response.headers
    db.run(
      'INSERT OR REPLACE INTO web_files (url, digest, etag, modified, seen_at) VALUES (?, ?, ?, ?, ?)',
      urlKey(url),
      digest,
      etag ?? null,
      modified ?? null,
      Date.now(),
    )
    return {
      path,
      digest,
      ...(modified === undefined ? {} : { modified }),
      [Symbol.asyncDispose]: () => rm(path, { force: true }),
    }
  }

  async function unchanged(url: string, known: Validator, signal: AbortSignal): Promise<boolean> {
    const headers = {
      ...(known.etag === null ? {} : { 'if-none-match': known.etag }),
      ...(known.modified === null ? {} : { 'if-modified-since': new Date(known.modified).toUTCString() }),
    }
    const response = await request({ url, headers, signal })
    if (response.status === 304) {
      response.body.resume()
      return true
    }
    fetched.set(url, receive(url, response))
    return false
  }

  return {
    async look(url, signal) {
      const known = db.get<Validator>('SELECT digest, etag, modified FROM web_files WHERE url = ?', urlKey(url))
      const hasValidator = known !== undefined && (known.etag !== null || known.modified !== null)
      if (hasValidator && !fetched.has(url) && (await unchanged(url, known, signal))) {
        return { digest: known.digest, ...(known.modified === null ? {} : { modified: known.modified }) }
      }
      const { digest, modified } = await download(url, signal)
      return { digest, ...(modified === undefined ? {} : { modified }) }
    },
    async fetch(url, checksum, signal) {
      const file = await download(url, signal)
      if (checksum === undefined || checksum === file.digest) return file
      await file[Symbol.asyncDispose]()
      throw new TsbuildError(
        'DIGEST_MISMATCH',
        `Cannot use "${url}": its content has the digest ${file.digest}, --checksum wants ${checksum}`,
        {
          details: { want: checksum, got: file.digest },
        },
      )
    },
  }
}

/** URLs may carry credentials, so the store knows them by digest. */
function urlKey(url: string): string {
  return sha256(url)
}

function hashing(
  hash: ReturnType<typeof createHash>,
): (source: AsyncIterable<Uint8Array>) => AsyncGenerator<Uint8Array> {
  return async function* (source) {
    for await (const chunk of source) {
      hash.update(chunk)
      yield chunk
    }
  }
}

function timeOf(header: string | undefined): number | undefined {
  const time = header === undefined ? NaN : Date.parse(header)
  return Number.isNaN(time) ? undefined : time
}

function refused(url: string, { status, body }: WebResponse): TsbuildError {
  body.resume()
  const hint = status === 401 || status === 403 ? 'Pass credentials as the secret HTTP_AUTH_TOKEN_<host>' : undefined
  return new TsbuildError('FETCH_FAILED', `Cannot fetch "${url}": the server answered with status ${status}`, {
    ...(hint === undefined ? {} : { hint }),
    details: { url, status },
  })
}
