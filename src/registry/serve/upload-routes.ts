import { randomUUID } from 'node:crypto'
import { hasCode } from '../../base/errors.ts'
import { sparingly } from '../../base/sparingly.ts'
import { isDigest } from '../../oci/digest.ts'
import type { Digest } from '../../oci/digest.ts'
import { answer } from './exchange.ts'
import type { ServedExchange } from './exchange.ts'
import { RegistryFault } from './fault.ts'
import type { RegistryStorage, Upload } from './storage.ts'

interface Session {
  readonly repository: string
  readonly upload: Upload
  touchedAt: number
  busy: boolean
}

/** A session that nobody touched for so long is thrown away. */
const sessionLifetime = 60 * 60_000
const maxSessions = 1000

/** distribution-spec "Pushing blobs": monolithic, streamed, chunked, mounted. */
export interface UploadRoutes extends AsyncDisposable {
  begin(exchange: ServedExchange, repository: string): Promise<void>
  proceed(exchange: ServedExchange, repository: string, session: string): Promise<void>
}

export function createUploadRoutes(storage: RegistryStorage, now: () => number): UploadRoutes {
  const sessions = new Map<string, Session>()

  async function open(repository: string): Promise<{ readonly id: string; readonly session: Session }> {
    await expire()
    if (sessions.size >= maxSessions) throw new RegistryFault('TOOMANYREQUESTS', 'Too many uploads are open')
    const session = { repository, upload: await storage.begin(), touchedAt: now(), busy: false }
    const id = randomUUID()
    sessions.set(id, session)
    return { id, session }
  }

  async function expire(): Promise<void> {
    for (const [id, session] of sessions) {
      if (!session.busy && now() - session.touchedAt > sessionLifetime) await close(id)
    }
  }

  async function close(id: string): Promise<void> {
    const session = sessions.get(id)
    sessions.delete(id)
    await session?.upload[Symbol.asyncDispose]()
  }

  function tellState(exchange: ServedExchange, status: number, id: string, { repository, upload }: Session): void {
    answer(exchange, status, {
      location: `/v2/${repository}/blobs/uploads/${id}`,
      range: `0-${Math.max(0, upload.size - 1)}`,
      'docker-upload-uuid': id,
    })
  }

  async function take(exchange: ServedExchange, session: Session): Promise<void> {
    if (session.busy) throw new RegistryFault('BLOB_UPLOAD_INVALID', 'Another request writes to this upload')
    session.busy = true
    try {
      for await (const chunk of sparingly(exchange.request as AsyncIterable<Uint8Array>))
        await session.upload.write(chunk)
      session.touchedAt = now()
    } finally {
      session.busy = false
    }
  }

  async function finish(exchange: ServedExchange, id: string, session: Session): Promise<void> {
    const digest = digestOf(exchange)
    checkRange(exchange, session)
    await take(exchange, session)
    try {
      await session.upload.commit(digest)
    } catch (error) {
      if (hasCode(error, 'DIGEST_MISMATCH', 'SIZE_MISMATCH'))
        throw new RegistryFault('DIGEST_INVALID', `The content is not ${digest}`)
      throw error
    } finally {
      await close(id)
    }
    tellBlob(exchange, session.repository, digest)
  }

  return {
    async begin(exchange, repository) {
      const { query } = exchange
      const mount = query.get('mount')
      if (
        mount !== null &&
        isDigest(mount) &&
        (await storage.blob(query.get('from') ?? repository, mount)) !== undefined
      ) {
        tellBlob(exchange, repository, mount)
        return
      }
      const { id, session } = await open(repository)
      if (query.has('digest') && mount === null) await finish(exchange, id, session)
      else tellState(exchange, 202, id, session)
    },
    async proceed(exchange, repository, id) {
      const session = sessions.get(id)
      if (session === undefined || session.repository !== repository)
        throw new RegistryFault('BLOB_UPLOAD_UNKNOWN', 'There is no such upload')
      switch (exchange.request.method) {
        case 'GET':
          return tellState(exchange, 204, id, session)
        case 'PATCH':
          checkRange(exchange, session)
          await take(exchange, session)
          return tellState(exchange, 202, id, session)
        case 'PUT':
          return finish(exchange, id, session)
        case 'DELETE':
          await close(id)
          return answer(exchange, 204)
        default:
          throw new RegistryFault('UNSUPPORTED', 'An upload takes GET, PATCH, PUT and DELETE')
      }
    },
    async [Symbol.asyncDispose]() {
      for (const id of sessions.keys()) await close(id)
    },
  }
}

function digestOf({ query }: ServedExchange): Digest {
  const digest = query.get('digest') ?? ''
  if (!isDigest(digest)) throw new RegistryFault('DIGEST_INVALID', 'The parameter "digest" is not a digest')
  return digest
}

/** A chunk must begin where the last one ended. */
function checkRange({ request }: ServedExchange, { upload, repository }: Session): void {
  const range = request.headers['content-range']
  if (range === undefined) return
  const match = /^(?:bytes )?(\d+)-(\d+)/.exec(range)
  if (match !== null && Number(match[1]) === upload.size) return
  throw new RegistryFault('RANGE_INVALID', `The upload to ${repository} has ${upload.size} bytes`, {
    range: `0-${Math.max(0, upload.size - 1)}`,
  })
}

function tellBlob(exchange: ServedExchange, repository: string, digest: Digest): void {
  answer(exchange, 201, { location: `/v2/${repository}/blobs/${digest}`, 'docker-content-digest': digest })
}
