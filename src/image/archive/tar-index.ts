import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { posix } from 'node:path'
import { TsbuildError } from '../../base/errors.ts'
import { sparingly } from '../../base/sparingly.ts'
import { openRegularFile } from '../../base/user-file.ts'
import { isDigest, parseDigest } from '../../oci/digest.ts'
import type { Digest } from '../../oci/digest.ts'
import type { ReadArchive } from './read-archive.ts'

/** An archive of images on disk, read in place: nothing is unpacked or copied. */
export interface IndexedArchive extends ReadArchive {
  /** Where the bytes of a blob lie in the file. */
  place(digest: Digest): { readonly offset: number; readonly size: number } | undefined
}

interface Member {
  readonly offset: number
  readonly size: number
}

const documentLimit = 8 * 1024 * 1024
const maxMembers = 200_000

/**
 * Finds the files of an uncompressed tar by its headers. Files that are not named by their digest (docker's layers) are hashed once.
 * Error: ARCHIVE_INVALID, also for a compressed archive, whose members have no place.
 */
export async function indexArchive(path: string): Promise<IndexedArchive> {
  const file = await openRegularFile(path).catch((error: unknown) => {
    throw new TsbuildError('FILE_UNREADABLE', `Cannot read archive "${path}"`, { cause: error })
  })
  try {
    const { members, links } = await scan(file, path)
    return await describe(file, members, links)
  } finally {
    await file.close()
  }
}

async function scan(
  file: FileHandle,
  path: string,
): Promise<{ readonly members: ReadonlyMap<string, Member>; readonly links: ReadonlyMap<string, string> }> {
  const members = new Map<string, Member>()
  const links = new Map<string, string>()
  const header = Buffer.alloc(512)
  let position = 0
  let longName: string | undefined
  for (;;) {
    const { bytesRead } = await file.read(header, 0, 512, position)
    if (bytesRead < 512 || header.every((byte) => byte === 0)) break
    if (!checksumFits(header)) {
      throw new TsbuildError('ARCHIVE_INVALID', `Cannot read "${path}": it is no tar archive`, {
        hint: 'A compressed one must be unpacked first, or loaded: tsbuild load -i FILE',
      })
    }
    const size = numberAt(header, 124, 12)
    const type = String.fromCharCode(header[156] ?? 0)
    const body = { offset: position + 512, size }
    const name = longName ?? nameOf(header)
    longName = undefined
    if (type === 'L' || type === 'x')
      longName = longNameOf(await readAt(file, { ...body, size: Math.min(size, 65_536) }), type)
    else if (type === '0' || type === '\0' || type === '7') members.set(clean(name), body)
    else if (type === '1' || type === '2')
      links.set(clean(name), linkTarget(clean(name), textAt(header, 157, 100), type))
    if (members.size > maxMembers)
      throw new TsbuildError('ARCHIVE_INVALID', `Cannot read "${path}": it has more than ${maxMembers} files`)
    position = body.offset + Math.ceil(size / 512) * 512
  }
  const { size } = await file.stat()
  if (position === 0) throw new TsbuildError('ARCHIVE_INVALID', `Cannot read "${path}": it is no tar archive`)
  if (position > size) throw new TsbuildError('ARCHIVE_INVALID', `Cannot read "${path}": it ends too early`)
  return { members, links }
}

async function describe(
  file: FileHandle,
  members: ReadonlyMap<string, Member>,
  links: ReadonlyMap<string, string>,
): Promise<IndexedArchive> {
  const files = new Map<string, { readonly digest: Digest; readonly size: number }>()
  const heads = new Map<string, Uint8Array>()
  const documents = new Map<string, Uint8Array>()
  const places = new Map<Digest, Member>()
  for (const [path, member] of members) {
    const named = /^blobs\/(sha256|sha512)\/([0-9a-f]+)$/.exec(path)
    const digest = `${named?.[1] ?? ''}:${named?.[2] ?? ''}`
    const known = isDigest(digest) ? digest : await hashMember(file, member)
    files.set(path, { digest: known, size: member.size })
    places.set(known, member)
    if (member.size <= documentLimit && (member.size <= 1024 * 1024 || named === null))
      documents.set(path, await readAt(file, member))
    else heads.set(path, await readAt(file, { ...member, size: 8 }))
  }
  const resolve = (path: string): string => {
    let current = posix.normalize(path)
    for (let step = 0; step < 10 && links.has(current); step += 1) current = links.get(current) ?? current
    return current
  }
  const byDigest = new Map([...documents].map(([path, bytes]) => [files.get(path)?.digest, bytes]))
  return {
    document: (path) => documents.get(resolve(path)),
    file: (path) => files.get(resolve(path)),
    head: (path) => documents.get(resolve(path)) ?? heads.get(resolve(path)) ?? new Uint8Array(),
    bytes: (digest) => byDigest.get(digest),
    place: (digest) => places.get(digest),
  }
}

async function hashMember(file: FileHandle, { offset, size }: Member): Promise<Digest> {
  const hash = createHash('sha256')
  if (size > 0) {
    const stream = file.createReadStream({
      start: offset,
      end: offset + size - 1,
      autoClose: false,
      highWaterMark: 1024 * 1024,
    })
    for await (const chunk of sparingly(stream as AsyncIterable<Uint8Array>)) hash.update(chunk)
  }
  return parseDigest(`sha256:${hash.digest('hex')}`)
}

async function readAt(file: FileHandle, { offset, size }: Member): Promise<Uint8Array> {
  const bytes = Buffer.alloc(size)
  const { bytesRead } = await file.read(bytes, 0, size, offset)
  return bytes.subarray(0, bytesRead)
}

/** POSIX.1-1988 ustar: the sum of all bytes, those of the checksum counted as spaces. */
function checksumFits(header: Buffer): boolean {
  let sum = 0
  for (let at = 0; at < 512; at += 1) sum += at >= 148 && at < 156 ? 0x20 : (header[at] ?? 0)
  return sum === numberAt(header, 148, 8)
}

/** Octal text, or GNU's big-endian form for large numbers. */
function numberAt(header: Buffer, offset: number, length: number): number {
  if (((header[offset] ?? 0) & 0x80) !== 0) return Number(header.readBigUInt64BE(offset + length - 8))
  return Number.parseInt(textAt(header, offset, length).trim() || '0', 8)
}

function nameOf(header: Buffer): string {
  const prefix = textAt(header, 257, 5) === 'ustar' ? textAt(header, 345, 155) : ''
  return `${prefix === '' ? '' : `${prefix}/`}${textAt(header, 0, 100)}`
}

function longNameOf(body: Uint8Array, type: string): string | undefined {
  const text = Buffer.from(body).toString('utf8')
  if (type === 'L') return text.replace(/\0.*$/s, '')
  return /^\d+ path=(.*)$/m.exec(text)?.[1]
}

function textAt(header: Buffer, offset: number, length: number): string {
  const end = header.indexOf(0, offset)
  return header.toString('utf8', offset, end < 0 || end > offset + length ? offset + length : end)
}

function clean(name: string): string {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.')
  if (parts.includes('..'))
    throw new TsbuildError('ARCHIVE_INVALID', `Cannot read the archive: its entry "${name}" climbs out of it`)
  return parts.join('/')
}

function linkTarget(path: string, target: string, type: string): string {
  return posix.normalize(type === '2' && target.startsWith('.') ? posix.join(posix.dirname(path), target) : target)
}
