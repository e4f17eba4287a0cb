import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'

/** An image of one layer as it is pushed: documents and layer by digest. */
export interface StandInImage {
  readonly repository: string
  readonly tag: string
  readonly manifest: string
  readonly blobs: readonly { readonly digest: string; readonly content: Uint8Array }[]
}

export interface StandInOptions {
  /** `library/openjdk`. */
  readonly repository: string
  readonly tag: string
  readonly root: string
  /** What it is made of, for the label that says so. */
  readonly origin: string
  readonly env: readonly string[]
  readonly cmd: readonly string[]
}

const mediaTypes = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
} as const

/** Packs a root into an OCI image that says of itself what it stands for. Equal roots give equal digests. */
export function packImage({ repository, tag, root, origin, env, cmd }: StandInOptions): StandInImage {
  const archive = `${root}.tar`
  const format = ['--format=posix', '--pax-option=delete=atime,delete=ctime,exthdr.name=%d/PaxHeaders/%f']
  const owners = ['--owner=0', '--group=0', '--numeric-owner', '--sort=name', '--mtime=@0']
  execFileSync('tar', ['-C', root, ...format, ...owners, '-cf', archive, '.'])
  const tar = readFileSync(archive)
  const layer = gzipSync(tar, { level: 3 })
  const config = Buffer.from(
    JSON.stringify({
      created: '1970-01-01T00:00:00Z',
      architecture: { x64: 'amd64' }[process.arch as string] ?? process.arch,
      os: 'linux',
      config: {
        Env: env,
        Cmd: cmd,
        Labels: { 'tsbuild.stand-in': `${repository}:${tag} made from ${origin}; not the official image` },
      },
      rootfs: { type: 'layers', diff_ids: [digestOf(tar)] },
      history: [
        { created: '1970-01-01T00:00:00Z', created_by: `stand-in for ${repository}:${tag}, made from ${origin}` },
      ],
    }),
  )
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: { mediaType: mediaTypes.config, digest: digestOf(config), size: config.byteLength },
    layers: [{ mediaType: mediaTypes.layer, digest: digestOf(layer), size: layer.byteLength }],
  })
  const blobs = [layer, config].map((content) => ({ digest: digestOf(content), content }))
  return { repository, tag, manifest, blobs }
}

/** Uploads by the distribution API: blobs first, then the manifest under its tag. */
export async function uploadImage(origin: string, image: StandInImage): Promise<void> {
  const base = `${origin}/v2/${image.repository}`
  for (const { digest, content } of image.blobs) {
    const session = await request(`${base}/blobs/uploads/`, { method: 'POST' }, 202)
    const place = new URL(session.headers.get('location')!, origin)
    place.searchParams.set('digest', digest)
    const headers = { 'content-type': 'application/octet-stream' }
    await request(place.href, { method: 'PUT', body: new Uint8Array(content), headers }, 201)
  }
  const headers = { 'content-type': mediaTypes.manifest }
  await request(`${base}/manifests/${image.tag}`, { method: 'PUT', body: image.manifest, headers }, 201)
}

async function request(url: string, init: RequestInit, want: number): Promise<Response> {
  const response = await fetch(url, init)
  if (response.status !== want) {
    throw new Error(`${init.method} ${url} was answered ${response.status}: ${await response.text()}`)
  }
  return response
}

function digestOf(content: Uint8Array): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`
}
