import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { ErrorCode } from '../../src/base/error-codes.ts'
import { TsbuildError } from '../../src/base/errors.ts'
import { createSendFile } from '../../src/engine/send-file.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { putManifest } from '../../src/registry/put-manifest.ts'
import { uploadBlob } from '../../src/registry/upload-blob.ts'
import type { BlobSource, UploadOptions, UploadResult } from '../../src/registry/upload-blob.ts'
import type { SendFile } from '../../src/registry/transport/file-wire.ts'
import { testCore } from '../helpers/core.ts'
import { bytesSource, impatient, sampleImage, testClient } from '../helpers/registry-client.ts'
import type { SampleImage, TestClientOptions } from '../helpers/registry-client.ts'
import { startFaultyRegistry } from '../helpers/registry-memory.ts'
import type { FaultyRegistry } from '../helpers/registry-memory.ts'
import { choose, drop, earlyReply, passThrough, raw, refuse, reply, stall } from '../helpers/registry-script.ts'
import type { Reply } from '../helpers/registry-script.ts'

/** Longer than the socket buffers, so that a server that does not read is noticed. */
const content = Buffer.alloc(9_000_000, 'layer content ')
const memory = bytesSource(content)
const { digest } = memory

/** How the bytes leave: through this process, or out of a file by the kernel. */
const ways = ['through the process', 'by the kernel'] as const
const folder = mkdtempSync(join(tmpdir(), 'tsbuild-push-'))
writeFileSync(join(folder, 'blob'), content)
afterAll(() => rmSync(folder, { recursive: true }))

/** Steps of an upload and the requests that they are. */
const steps = {
  look: ['HEAD', /\/blobs\/sha256:/],
  open: ['POST', /\/blobs\/uploads\/$/],
  stream: ['PATCH', /\/blobs\/uploads\/[^/]+/],
  close: ['PUT', /\/blobs\/uploads\/[^/]+\?digest=/],
} as const
type Step = keyof typeof steps

type Rest = Parameters<typeof uploadFrom> extends [BlobSource, ...infer Others] ? Others : never

interface Attempt {
  readonly registry: FaultyRegistry
  readonly result: UploadResult | undefined
  readonly error: TsbuildError | undefined
}

async function uploadFrom(
  source: BlobSource,
  script: (registry: FaultyRegistry) => void,
  check: (attempt: Attempt) => void,
  options: { readonly upload?: Partial<UploadOptions>; readonly client?: TestClientOptions } = {},
): Promise<void> {
  await using registry = await startFaultyRegistry()
  script(registry)
  const sent: string[] = []
  await using client = testClient({ ...options.client, sendFile: counted(createSendFile(testCore()), sent) })
  const reference = parseReference(`${registry.host}/app:v1`)
  const outcome = await uploadBlob(client, reference, source, {
    signal: AbortSignal.timeout(150_000),
    action: 'Cannot push "app:v1"',
    ...options.upload,
  }).catch((error: unknown) => error)
  const error = outcome instanceof TsbuildError ? outcome : undefined
  if (error === undefined && outcome instanceof Error) throw outcome
  const stored = registry.memory.blobs.get(digest)
  if (error === undefined) expect(stored === undefined || content.equals(stored)).toBe(true)
  else expect(stored).toBeUndefined()
  const streamed = registry.count('PATCH', steps.stream[1]) > 0
  expect(sent.length > 0).toBe(source.file !== undefined && streamed)
  check({ registry, error, result: error === undefined ? (outcome as UploadResult) : undefined })
}

/** Notes which files the core was given to send. */
function counted(send: SendFile, sent: string[]): SendFile {
  return (socket, file, options) => {
    sent.push(file.path)
    return send(socket, file, options)
  }
}

describe.for(ways)('an upload %s', (way) => {
  const source: BlobSource = way === 'by the kernel' ? { ...memory, file: join(folder, 'blob') } : memory
  const uploadWith = (...rest: Rest): Promise<void> => uploadFrom(source, ...rest)

  describe('a fault that passes', () => {
    const faults: Readonly<Record<string, Reply>> = {
      'status 429': reply(429),
      'status 500': refuse(500, 'UNKNOWN', 'x'),
      'status 502': reply(502),
      'status 503': reply(503, { 'retry-after': '1' }),
      'status 504': reply(504),
      'a reset': drop(),
      'no answer at all': stall,
    }
    const cases = (Object.keys(steps) as Step[]).flatMap((step) =>
      Object.keys(faults).map((name) => [step, name] as const),
    )

    it.concurrent.for(cases)('%s: %s', async ([step, name]) => {
      const [method, path] = steps[step]
      await uploadWith(
        (registry) => registry.on(method, path, faults[name]!, passThrough),
        ({ registry, error, result }) => {
          expect(error).toBeUndefined()
          expect(result).toEqual({ kind: 'pushed' })
          expect(registry.memory.blobs.has(digest)).toBe(true)
        },
        { client: name === 'no answer at all' ? impatient : {} },
      )
    })
  })

  describe('a fault that stays', () => {
    const faults: readonly (readonly [string, Reply, ErrorCode])[] = [
      ['status 429', reply(429), 'REGISTRY_THROTTLED'],
      ['status 429 for an hour', reply(429, { 'retry-after': '3600' }), 'REGISTRY_THROTTLED'],
      ['status 500', refuse(500, 'UNKNOWN', 'x'), 'REGISTRY_UNAVAILABLE'],
      ['status 403', refuse(403, 'DENIED', 'quota exceeded'), 'REGISTRY_DENIED'],
      ['status 413', reply(413), 'REGISTRY_REFUSED'],
      ['status 401 without a challenge', reply(401), 'REGISTRY_UNAUTHORIZED'],
      ['a reset', drop(), 'REGISTRY_UNREACHABLE'],
      ['no answer at all', stall, 'REGISTRY_TIMEOUT'],
      ['no HTTP', raw('220 smtp ready\r\n'), 'REGISTRY_PROTOCOL'],
    ]
    const cases = (['open', 'stream', 'close'] as const).flatMap((step) =>
      faults.map((fault) => [step, ...fault] as const),
    )

    it.concurrent.for(cases)('%s: %s', async ([step, name, fault, code]) => {
      const [method, path] = steps[step]
      await uploadWith(
        (registry) => registry.on(method, path, fault),
        ({ error }) => expect(error?.code).toBe(code),
        { client: name === 'no answer at all' ? impatient : {} },
      )
    })

    it('a repository that is missing is told by the opening POST', async () => {
      await uploadWith(
        (registry) => registry.on('POST', steps.open[1], refuse(404, 'NAME_UNKNOWN', 'no such repository')),
        ({ error, registry }) => {
          expect(error).toMatchObject({
            code: 'REGISTRY_NOT_FOUND',
            message: expect.stringContaining('no such repository') as string,
          })
          expect(registry.count('POST', steps.open[1])).toBe(1)
        },
      )
    })
  })

  describe('existence checks', () => {
    it.for([400, 403, 404, 405])('%i means unknown: the blob is uploaded', async (status) => {
      await uploadWith(
        (registry) => registry.on('HEAD', steps.look[1], reply(status)),
        ({ result }) => expect(result).toEqual({ kind: 'pushed' }),
      )
    })

    it('what is there is not sent', async () => {
      await uploadWith(
        (registry) => void registry.memory.blobs.set(digest, content),
        ({ result, registry }) => {
          expect(result).toEqual({ kind: 'exists' })
          expect(registry.requests.filter(({ path }) => path !== '/v2/').map(({ method }) => method)).toEqual(['HEAD'])
        },
      )
    })
  })

  describe('upload shapes', () => {
    it.for([400, 405, 411, 416, 501])('PATCH refused by %i: one PUT in a new session', async (status) => {
      await uploadWith(
        (registry) => registry.on('PATCH', steps.stream[1], earlyReply(status)),
        ({ result, registry }) => {
          expect(result).toEqual({ kind: 'pushed' })
          expect(registry.count('POST', steps.open[1])).toBe(2)
          expect(registry.count('PATCH', steps.stream[1])).toBe(1)
        },
      )
    })

    it('always tells the length, never chunked transfer', async () => {
      await uploadWith(
        () => undefined,
        ({ registry }) => {
          const patch = registry.requests.find(({ method }) => method === 'PATCH')
          expect(patch?.headers['content-length']).toBe(String(content.byteLength))
          expect(registry.requests.every(({ headers }) => headers['transfer-encoding'] === undefined)).toBe(true)
          expect(patch?.headers['content-range']).toBeUndefined()
        },
      )
    })

    it('in chunks where asked', async () => {
      await uploadWith(
        () => undefined,
        ({ result, registry }) => {
          expect(result).toEqual({ kind: 'pushed' })
          const ranges = registry.requests
            .filter(({ method }) => method === 'PATCH')
            .map(({ headers }) => headers['content-range'])
          expect(ranges).toEqual(['0-3999999', '4000000-7999999', '8000000-8999999'])
        },
        { upload: { shape: { kind: 'chunked', size: 4_000_000 } } },
      )
    })

    it.for([201, 204, 200])('a PATCH answered by %i counts', async (status) => {
      await uploadWith(
        (registry) => {
          registry.on('PATCH', steps.stream[1], async (request, response, seen) => {
            for await (const chunk of request) seen.received += (chunk as Buffer).byteLength
            response.writeHead(status, { location: request.url }).end()
          })
          registry.on('PUT', steps.close[1], reply(201))
        },
        ({ result }) => expect(result).toEqual({ kind: 'pushed' }),
      )
    })
  })

  describe('sessions', () => {
    it.for([
      ['404 BLOB_UPLOAD_UNKNOWN', refuse(404, 'BLOB_UPLOAD_UNKNOWN', 'gone')],
      ['404 BLOB_UPLOAD_INVALID of ACR', refuse(404, 'BLOB_UPLOAD_INVALID', 'gone')],
    ] as const)('lost in the PATCH (%s): a new one', async ([, fault]) => {
      await uploadWith(
        (registry) => registry.on('PATCH', steps.stream[1], fault, passThrough),
        ({ result, registry }) => {
          expect(result).toEqual({ kind: 'pushed' })
          expect(registry.count('POST', steps.open[1])).toBe(2)
        },
      )
    })

    it('lost before the closing PUT: a new one', async () => {
      await uploadWith(
        (registry) => registry.on('PUT', steps.close[1], refuse(404, 'BLOB_UPLOAD_UNKNOWN', 'gone'), passThrough),
        ({ result, registry }) => {
          expect(result).toEqual({ kind: 'pushed' })
          expect(registry.count('PATCH', steps.stream[1])).toBe(2)
        },
      )
    })

    it('lost again and again: an error', async () => {
      await uploadWith(
        (registry) => registry.on('PATCH', steps.stream[1], refuse(404, 'BLOB_UPLOAD_UNKNOWN', 'gone')),
        ({ error, registry }) => {
          expect(error?.code).toBe('REGISTRY_NOT_FOUND')
          expect(registry.count('PATCH', steps.stream[1])).toBe(4)
        },
      )
    })

    it('a closing PUT that worked although its answer was lost', async () => {
      await uploadWith(
        (registry) =>
          registry.on('PUT', steps.close[1], (request) => {
            registry.memory.blobs.set(digest, content)
            request.socket.resetAndDestroy()
          }),
        ({ result, registry }) => {
          expect(result).toEqual({ kind: 'pushed' })
          expect(registry.count('PATCH', steps.stream[1])).toBe(1)
        },
      )
    })

    it.for<[string, (host: string) => string]>([
      ['relative', () => '/v2/app/blobs/uploads/one?state=a%2Fb+c&x='],
      ['absolute', (host) => `http://${host}/v2/app/blobs/uploads/one?state=a%2Fb+c&x=`],
      ['without a scheme', (host) => `//${host}/v2/app/blobs/uploads/one?state=a%2Fb+c&x=`],
    ])('a %s Location is used byte for byte', async ([, location]) => {
      await uploadWith(
        (registry) => {
          registry.on(
            'POST',
            steps.open[1],
            choose(() => reply(202, { location: location(registry.host) })),
          )
          registry.on('PATCH', /uploads\/one/, reply(202))
          registry.on('PUT', /uploads\/one/, reply(201))
        },
        ({ result, registry }) => {
          expect(result).toEqual({ kind: 'pushed' })
          const paths = registry.requests.filter(({ path }) => path.includes('/one')).map(({ path }) => path)
          expect(paths).toEqual([
            '/v2/app/blobs/uploads/one?state=a%2Fb+c&x=',
            `/v2/app/blobs/uploads/one?state=a%2Fb+c&x=&digest=${encodeURIComponent(digest)}`,
          ])
        },
      )
    })

    it.for([
      ['none', {}],
      ['no URL', { location: 'ftp://example.com/x' }],
      ['credentials in it', { location: 'http://user:secret-word@example.com/x' }],
    ] as const)('a Location that cannot be used (%s)', async ([, headers]) => {
      await uploadWith(
        (registry) => registry.on('POST', steps.open[1], reply(202, headers)),
        ({ error }) => {
          expect(error?.code).toBe('REGISTRY_PROTOCOL')
          expect(error?.message).not.toContain('secret-word')
        },
      )
    })
  })

  describe('mounts', () => {
    const mountPath = /uploads\/\?mount=/

    it.for<[string, Reply]>([['201', reply(201)]])('%s: mounted', async ([, fault]) => {
      await uploadWith(
        (registry) => registry.on('POST', mountPath, fault),
        ({ result }) => expect(result).toEqual({ kind: 'mounted', from: 'base' }),
        { upload: { mountFrom: ['base'] } },
      )
    })

    it.for([400, 401, 403, 404, 405])('%i: uploaded', async (status) => {
      await uploadWith(
        (registry) => registry.on('POST', mountPath, reply(status)),
        ({ result }) => expect(result).toEqual({ kind: 'pushed' }),
        { upload: { mountFrom: ['base', 'other'] } },
      )
    })

    it('202: goes on with the session that it opened', async () => {
      await uploadWith(
        () => undefined,
        ({ result, registry }) => {
          expect(result).toEqual({ kind: 'pushed' })
          expect(registry.requests.filter(({ method }) => method === 'POST')).toHaveLength(1)
        },
        { upload: { mountFrom: ['base'] } },
      )
    })

    it('asks at most three repositories', async () => {
      await uploadWith(
        (registry) => registry.on('POST', mountPath, reply(404)),
        ({ registry }) => expect(registry.count('POST', mountPath)).toBe(3),
        { upload: { mountFrom: ['a', 'b', 'c', 'd', 'e'] } },
      )
    })
  })

  describe('a transfer that was damaged', () => {
    it('the registry says so: sent once more, in the other shape', async () => {
      await uploadWith(
        (registry) =>
          registry.on(
            'PUT',
            steps.close[1],
            refuse(400, 'DIGEST_INVALID', 'provided digest did not match'),
            passThrough,
          ),
        ({ result, registry }) => {
          expect(result).toEqual({ kind: 'pushed' })
          expect(registry.count('PUT', steps.close[1])).toBe(2)
        },
      )
    })

    it('the registry stored it under another digest', async () => {
      await uploadWith(
        (registry) =>
          registry.on('PUT', steps.close[1], reply(201, { 'docker-content-digest': `sha256:${'0'.repeat(64)}` })),
        ({ error }) => expect(error?.code).toBe('REGISTRY_PROTOCOL'),
      )
    })
  })
})

describe('manifests', () => {
  const path = '/v2/app/manifests/v1'

  async function put(
    script: (registry: FaultyRegistry, image: SampleImage) => void,
    options: TestClientOptions = {},
  ): Promise<{ readonly registry: FaultyRegistry; readonly outcome: unknown; readonly image: SampleImage }> {
    await using registry = await startFaultyRegistry()
    const image = sampleImage()
    registry.memory.add('elsewhere', 'x', image)
    script(registry, image)
    await using client = testClient(options)
    const descriptor = { mediaType: image.manifest.mediaType, digest: image.digest, size: image.bytes.byteLength }
    const outcome = await putManifest(
      client,
      parseReference(`${registry.host}/app:v1`),
      { descriptor, bytes: image.bytes },
      { signal: AbortSignal.timeout(150_000) },
    ).catch((error: unknown) => error)
    return { registry, outcome, image }
  }

  it('is put under its tag with its type', async () => {
    const { registry, outcome, image } = await put(() => undefined)
    expect(outcome).toMatchObject({ kind: 'pushed' })
    expect(registry.memory.manifests.get('app:v1')?.digest).toBe(image.digest)
    expect(registry.requests.at(-1)?.headers['content-type']).toBe(image.manifest.mediaType)
  })

  it('is not put again where the tag has it: immutable tags refuse even that', async () => {
    const { registry, outcome } = await put((server, image) => server.memory.add('app', 'v1', image))
    expect(outcome).toMatchObject({ kind: 'exists' })
    expect(registry.count('PUT', path)).toBe(0)
  })

  it.for<[string, Reply, ErrorCode]>([
    [
      'immutable tag of ECR',
      refuse(
        400,
        'TAG_INVALID',
        "The image tag 'v1' already exists and cannot be overwritten because the repository is immutable.",
      ),
      'REGISTRY_IMMUTABLE',
    ],
    ['immutable tag of Harbor', refuse(412, 'PRECONDITION', 'configured as immutable'), 'REGISTRY_IMMUTABLE'],
    ['immutable tag of Docker Hub', refuse(403, 'DENIED', 'tag is immutable'), 'REGISTRY_IMMUTABLE'],
    ['media type refused by Quay', refuse(400, 'MANIFEST_INVALID', 'manifest schema mismatch'), 'REGISTRY_REFUSED'],
    ['media type refused by a proxy', reply(415), 'REGISTRY_REFUSED'],
    ['a missing blob', refuse(404, 'MANIFEST_BLOB_UNKNOWN', 'sha256:x'), 'REGISTRY_NOT_FOUND'],
    ['unsupported JSON of ECR', refuse(405, 'UNSUPPORTED', 'Invalid JSON syntax'), 'REGISTRY_UNSUPPORTED'],
    ['another digest', reply(201, { 'docker-content-digest': `sha256:${'0'.repeat(64)}` }), 'REGISTRY_PROTOCOL'],
    ['status 500', reply(500), 'REGISTRY_UNAVAILABLE'],
    ['a reset', drop(), 'REGISTRY_UNREACHABLE'],
    ['no answer', stall, 'REGISTRY_TIMEOUT'],
  ])('%s', async ([name, fault, code]) => {
    const { outcome } = await put((registry) => registry.on('PUT', path, fault), name === 'no answer' ? impatient : {})
    expect(outcome).toMatchObject({ code })
  })

  it.for([200, 201, 202, 204])('status %i is success', async (status) => {
    const { outcome } = await put((registry) => registry.on('PUT', path, reply(status)))
    expect(outcome).toMatchObject({ kind: 'pushed' })
  })

  it.for<[string, Reply]>([
    ['403', reply(403)],
    ['405', reply(405)],
    ['404', reply(404)],
  ])('a HEAD answered by %s does not stop the push', async ([, fault]) => {
    const { outcome } = await put((registry) => {
      registry.on('HEAD', path, fault)
      registry.on('GET', path, fault)
    })
    expect(outcome).toMatchObject({ kind: 'pushed' })
  })

  it.for<[string, Reply]>([
    ['status 503', reply(503)],
    ['a reset', drop()],
  ])('%s once: put again', async ([, fault]) => {
    const { outcome, registry } = await put((server) => server.on('PUT', path, fault, passThrough))
    expect(outcome).toMatchObject({ kind: 'pushed' })
    expect(registry.count('PUT', path)).toBe(2)
  })
})
