import { describe, expect, it } from 'vitest'
import { TsbuildError } from '../../src/base/errors.ts'
import { parseImageConfig } from '../../src/oci/image-config.ts'
import { maxManifestSize, parseManifest } from '../../src/oci/manifest.ts'
import { convertType, isForeignLayer, layerCompression, layerType, mediaTypes } from '../../src/oci/media-types.ts'

const digest = `sha256:${'a'.repeat(64)}`
const descriptor = { mediaType: mediaTypes.ociLayerGzip, digest, size: 3 }
const manifest = {
  schemaVersion: 2,
  mediaType: mediaTypes.ociManifest,
  config: { mediaType: mediaTypes.ociConfig, digest, size: 2 },
  layers: [descriptor],
}
const index = {
  schemaVersion: 2,
  mediaType: mediaTypes.ociIndex,
  manifests: [{ ...descriptor, mediaType: mediaTypes.ociManifest }],
}
const encode = (value: unknown): Uint8Array =>
  new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value))

describe('parseManifest', () => {
  it('reads a manifest and keeps unknown layer types', () => {
    const artifact = {
      ...manifest,
      artifactType: 'application/x',
      layers: [{ ...descriptor, mediaType: 'text/plain', annotations: { a: 'b' } }],
    }
    expect(parseManifest(encode(artifact), undefined, 'manifest')).toEqual({ kind: 'manifest', manifest: artifact })
  })

  it('reads an index, also without mediaType, and sha512', () => {
    const wide = { ...index.manifests[0], digest: `sha512:${'b'.repeat(128)}` }
    const { mediaType: _, ...bare } = { ...index, manifests: [wide] }
    expect(parseManifest(encode(bare), mediaTypes.dockerIndex, 'x')).toEqual({
      kind: 'index',
      index: { ...bare, mediaType: mediaTypes.dockerIndex },
    })
    expect(parseManifest(encode(bare), undefined, 'x')).toMatchObject({
      kind: 'index',
      index: { mediaType: mediaTypes.ociIndex },
    })
  })

  it('takes null for what is missing, as Go writes it', () => {
    expect(parseManifest(encode({ ...manifest, layers: null, annotations: null }), undefined, 'x')).toMatchObject({
      manifest: { layers: [] },
    })
  })

  it.for<[string, unknown, string]>([
    ['not JSON', '{', 'not JSON'],
    ['not UTF-8', new Uint8Array([0x22, 0xff, 0x22]), 'not UTF-8 text'],
    ['a list', [], 'must be an object'],
    ['null', null, 'must be an object'],
    ['no version', {}, '"schemaVersion" must be 2'],
    ['version 3', { ...manifest, schemaVersion: 3 }, '"schemaVersion" must be 2'],
    ['no config', { ...manifest, config: undefined }, '"config" must be an object'],
    ['bad digest', { ...manifest, layers: [{ ...descriptor, digest: 'sha256:..' }] }, '"layers[0].digest"'],
    [
      'path as digest',
      { ...manifest, config: { ...descriptor, digest: 'sha256:../../../etc/passwd' } },
      '"config.digest"',
    ],
    [
      'negative size',
      { ...manifest, layers: [descriptor, { ...descriptor, size: -1 }] },
      '"layers[1].size" must not be negative',
    ],
    [
      'huge size',
      { ...manifest, layers: [{ ...descriptor, size: 1e300 }] },
      '"layers[0].size" must be at most 9007199254740991',
    ],
    ['text size', { ...manifest, layers: [{ ...descriptor, size: '3' }] }, '"layers[0].size" must be a whole number'],
    ['layers object', { ...manifest, layers: {} }, '"layers" must be a list'],
    ['too many layers', { ...manifest, layers: Array.from({ length: 10_001 }, () => 0) }, 'at most 10000'],
    [
      'no media type',
      { ...manifest, layers: [{ ...descriptor, mediaType: '' }] },
      '"layers[0].mediaType" must be a media type',
    ],
    [
      'line break in type',
      { ...manifest, layers: [{ ...descriptor, mediaType: 'a/b\r\nX: y' }] },
      '"layers[0].mediaType"',
    ],
    ['wrong own type', { ...manifest, mediaType: 'text/html' }, '"mediaType" is "text/html"'],
    ['both shapes', { ...manifest, manifests: [] }, 'members of a manifest and of an index'],
    ['annotation number', { ...manifest, annotations: { a: 1 } }, '"annotations.a" must be a string'],
    [
      'platform text',
      { ...index, manifests: [{ ...descriptor, platform: 'linux' }] },
      '"manifests[0].platform" must be an object',
    ],
  ])('refuses %s', ([, value, message]) => {
    const error = caught(() =>
      parseManifest(value instanceof Uint8Array ? value : encode(value), undefined, 'manifest "x"'),
    )
    expect(error.code).toBe('MANIFEST_INVALID')
    expect(error.message).toContain('Cannot read manifest "x"')
    expect(error.message).toContain(message)
  })

  it.for([
    [{ schemaVersion: 1, fsLayers: [] }, undefined],
    [{ schemaVersion: 1 }, 'application/vnd.docker.distribution.manifest.v1+prettyjws'],
    [{ schemaVersion: 2 }, 'application/vnd.docker.distribution.manifest.v1+json'],
  ] as const)('refuses schema 1 with a code of its own', ([value, type]) => {
    expect(caught(() => parseManifest(encode(value), type, 'x')).code).toBe('MANIFEST_UNSUPPORTED')
  })

  it('does not parse what is over the limit', () => {
    expect(caught(() => parseManifest(new Uint8Array(maxManifestSize + 1), undefined, 'x')).message).toContain(
      'at most 4194304',
    )
  })

  it('does not take members from the prototype', () => {
    const text = JSON.stringify(manifest).replace('{', '{"__proto__":{"subject":1},')
    expect(parseManifest(encode(text), undefined, 'x')).toMatchObject({ kind: 'manifest' })
  })
})

describe('parseImageConfig', () => {
  it('reads what docker writes', () => {
    const config = parseImageConfig(
      encode({
        architecture: 'arm64',
        variant: '',
        os: 'linux',
        config: {
          Env: ['A=b'],
          Cmd: null,
          Entrypoint: ['x'],
          ExposedPorts: { '80/tcp': {} },
          Labels: null,
          Volumes: { '/v': {} },
          Unknown: 1,
        },
        rootfs: { type: 'layers', diff_ids: [digest] },
        history: [{ created_by: 'x', empty_layer: true }],
      }),
      'config',
    )
    expect(config).toEqual({
      architecture: 'arm64',
      os: 'linux',
      config: { Env: ['A=b'], Entrypoint: ['x'], ExposedPorts: { '80/tcp': {} }, Volumes: { '/v': {} } },
      rootfs: { type: 'layers', diff_ids: [digest] },
      history: [{ created_by: 'x', empty_layer: true }],
    })
  })

  it('fills in a platform and an empty file system', () => {
    expect(parseImageConfig(encode({}), 'config')).toEqual({
      os: 'linux',
      architecture: 'amd64',
      rootfs: { type: 'layers', diff_ids: [] },
    })
  })

  it.for<[unknown, string]>([
    [[], 'must be an object'],
    [{ rootfs: { diff_ids: ['x'] } }, '"rootfs.diff_ids[0]" must be a digest'],
    [{ config: { Env: 'A=b' } }, '"config.Env" must be a list'],
    [{ config: { Cmd: [1] } }, '"config.Cmd[0]" must be a string'],
    [{ config: { Labels: { a: {} } } }, '"config.Labels.a" must be a string'],
    [{ config: { User: 0 } }, '"config.User" must be a string'],
    [{ history: [{ empty_layer: 'no' }] }, '"history[0].empty_layer" must be true or false'],
  ])('refuses %j', ([value, message]) => {
    const error = caught(() => parseImageConfig(encode(value), 'config'))
    expect(error.code).toBe('CONFIG_INVALID')
    expect(error.message).toContain(message)
  })
})

describe('media types', () => {
  it('keep the compression through conversion', () => {
    for (const compression of ['none', 'gzip'] as const) {
      for (const family of ['oci', 'docker'] as const) {
        const type = layerType(family, compression)
        expect(layerCompression(type)).toBe(compression)
        expect(convertType(convertType(type, 'docker'), 'oci')).toBe(layerType('oci', compression))
      }
    }
  })

  it('leave zstd and artifacts alone in docker family', () => {
    expect(convertType(mediaTypes.ociLayerZstd, 'docker')).toBe(mediaTypes.ociLayerZstd)
    expect(convertType('text/plain', 'docker')).toBe('text/plain')
    expect(layerCompression('text/plain')).toBeUndefined()
  })

  it('know foreign layers in both families', () => {
    expect(isForeignLayer(mediaTypes.dockerForeignGzip)).toBe(true)
    expect(isForeignLayer(convertType(mediaTypes.dockerForeignGzip, 'oci'))).toBe(true)
    expect(isForeignLayer(mediaTypes.ociLayerGzip)).toBe(false)
  })
})

function caught(action: () => unknown): TsbuildError {
  try {
    action()
  } catch (error) {
    if (error instanceof TsbuildError) return error
    throw error
  }
  return expect.fail('nothing was thrown')
}

describe('every member that is read', () => {
  const full = {
    manifest: {
      ...manifest,
      artifactType: 'application/x',
      config: { ...manifest.config, annotations: { a: 'b' } },
      layers: [
        {
          ...descriptor,
          urls: ['https://example.com/x'],
          annotations: { a: 'b' },
          data: 'eA==',
          artifactType: 'application/x',
        },
      ],
      subject: { ...descriptor, mediaType: mediaTypes.ociManifest },
      annotations: { a: 'b' },
    },
    index: {
      ...index,
      artifactType: 'application/x',
      subject: { ...descriptor, mediaType: mediaTypes.ociManifest },
      annotations: { a: 'b' },
      manifests: [
        {
          ...index.manifests[0],
          platform: { os: 'linux', architecture: 'arm', variant: 'v7', 'os.version': '1', 'os.features': ['x'] },
        },
      ],
    },
    config: {
      created: '2020-01-01T00:00:00Z',
      author: 'me',
      os: 'linux',
      architecture: 'arm',
      variant: 'v7',
      'os.version': '1',
      'os.features': ['x'],
      config: {
        Hostname: 'h',
        Domainname: 'd',
        User: 'u',
        ExposedPorts: { '80/tcp': {} },
        Env: ['A=b'],
        Entrypoint: ['e'],
        Cmd: ['c'],
        Volumes: { '/v': {} },
        WorkingDir: '/w',
        Labels: { a: 'b' },
        StopSignal: 'TERM',
        ArgsEscaped: true,
        Healthcheck: { Test: ['NONE'], Interval: 1, Timeout: 1, StartPeriod: 1, StartInterval: 1, Retries: 1 },
        OnBuild: ['RUN x'],
        Shell: ['/bin/sh'],
      },
      rootfs: { type: 'layers', diff_ids: [digest] },
      history: [{ created: '2020-01-01T00:00:00Z', created_by: 'x', author: 'me', comment: 'c', empty_layer: true }],
    },
  }
  const parsers: Readonly<Record<keyof typeof full, (bytes: Uint8Array) => unknown>> = {
    manifest: (bytes) => parseManifest(bytes, mediaTypes.ociManifest, 'the document'),
    index: (bytes) => parseManifest(bytes, mediaTypes.ociIndex, 'the document'),
    config: (bytes) => parseImageConfig(bytes, 'the document'),
  }
  /** Read for their names alone, or not at all. */
  const free = /^(config\.(ExposedPorts|Volumes)\.|rootfs\.type$)/

  it.for(Object.keys(full) as (keyof typeof full)[])('of another type is named: %s', (name) => {
    const document = full[name]
    expect(() => parsers[name](encode(document))).not.toThrow()
    const places = placesOf(document).filter(({ path }) => !free.test(path))
    expect(places.length).toBeGreaterThan(10)
    for (const { path, value, replace } of places) {
      for (const wrong of ['text', 7, true, {}, []]) {
        const sameType = typeof wrong === typeof value && Array.isArray(wrong) === Array.isArray(value)
        if (sameType) continue
        let thrown: unknown
        try {
          parsers[name](encode(replace(wrong)))
        } catch (error) {
          thrown = error
        }
        const where = `${path} = ${JSON.stringify(wrong)}`
        expect(thrown, where).toBeInstanceOf(TsbuildError)
        const { code, message } = thrown as TsbuildError
        expect([where, code]).toEqual([where, name === 'config' ? 'CONFIG_INVALID' : 'MANIFEST_INVALID'])
        expect(message, where).toContain(`Cannot read the document: "${path}"`)
      }
    }
  })
})

interface Place {
  readonly path: string
  readonly value: unknown
  /** The whole document with another value there. */
  readonly replace: (value: unknown) => unknown
}

function placesOf(document: unknown, path = '', rebuild: (value: unknown) => unknown = (value) => value): Place[] {
  const own = path === '' ? [] : [{ path, value: document, replace: rebuild }]
  if (typeof document !== 'object' || document === null) return own
  const members = Array.isArray(document)
    ? document.flatMap((item: unknown, at) =>
        placesOf(item, `${path}[${at}]`, (value) => rebuild(document.with(at, value))),
      )
    : Object.entries(document).flatMap(([key, item]) =>
        placesOf(item, path === '' ? key : `${path}.${key}`, (value) => rebuild({ ...document, [key]: value })),
      )
  return [...own, ...members]
}
