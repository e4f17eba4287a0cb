import { Buffer } from 'node:buffer'

/** Archives built and read byte by byte, so that tests can say what no library would write. */

export type TarType = '0' | '1' | '2' | '3' | '4' | '5' | '6' | '7' | 'x' | 'g' | 'L' | 'K' | 'S' | '\0' | (string & {})

export interface TarEntry {
  readonly name: string | Uint8Array
  readonly type?: TarType
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
  /** Bytes of the size field; by default the length of `data`. */
  readonly size?: number
  readonly mtime?: number
  readonly link?: string | Uint8Array
  readonly data?: string | Uint8Array
  readonly major?: number
  readonly minor?: number
  /** PAX records in front of the entry. */
  readonly pax?: Readonly<Record<string, string | Uint8Array>>
  /** Bytes put over the finished header; the checksum is made after it. */
  readonly patch?: readonly (readonly [offset: number, bytes: Uint8Array | string])[]
  readonly checksum?: number
}

const octal = (value: number, size: number): string => value.toString(8).padStart(size - 1, '0') + '\0'

/** One entry with its data and padding. */
export function tarEntry(entry: TarEntry): Buffer {
  const data = Buffer.from(entry.data ?? '')
  const header = Buffer.alloc(512)
  header.set(Buffer.from(entry.name).subarray(0, 100), 0)
  header.write(octal(entry.mode ?? (entry.type === '5' ? 0o755 : 0o644), 8), 100)
  header.write(octal(entry.uid ?? 0, 8), 108)
  header.write(octal(entry.gid ?? 0, 8), 116)
  header.write(octal(entry.size ?? data.length, 12), 124)
  header.write(octal(entry.mtime ?? 1_000_000_000, 12), 136)
  header.write(entry.type ?? '0', 156, 'latin1')
  header.set(Buffer.from(entry.link ?? '').subarray(0, 100), 157)
  header.write('ustar\0', 257, 'latin1')
  header.write('00', 263, 'latin1')
  header.write(octal(entry.major ?? 0, 8), 329)
  header.write(octal(entry.minor ?? 0, 8), 337)
  for (const [offset, bytes] of entry.patch ?? []) header.set(Buffer.from(bytes), offset)
  header.write('        ', 148)
  const sum = entry.checksum ?? header.reduce((total, byte) => total + byte, 0)
  header.write(sum.toString(8).padStart(6, '0') + '\0 ', 148)
  const padded = Buffer.concat([header, data, Buffer.alloc(-data.length & 511)])
  return entry.pax ? Buffer.concat([tarPax(entry.pax), padded]) : padded
}

/** A PAX extended header with these records. */
export function tarPax(records: Readonly<Record<string, string | Uint8Array>>, type: 'x' | 'g' = 'x'): Buffer {
  const data = Object.entries(records).map(([key, value]) => {
    const body = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from('\n')])
    let length = body.length
    while (String(length).length + body.length !== length) length = String(length).length + body.length
    return Buffer.concat([Buffer.from(String(length)), body])
  })
  return tarEntry({ name: 'PaxHeaders/x', type, data: Buffer.concat(data) })
}

/** A whole archive. */
export function tar(...entries: readonly (TarEntry | Uint8Array)[]): Buffer {
  const parts = entries.map((entry) => (entry instanceof Uint8Array ? entry : tarEntry(entry)))
  return Buffer.concat([...parts, Buffer.alloc(1024)])
}

export interface ReadEntry {
  /** Latin-1, so that any bytes are kept. */
  readonly name: string
  readonly type: string
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly mtime: number
  readonly link: string
  readonly device: string
  readonly data: Buffer
  readonly pax: Readonly<Record<string, string>>
}

/** Reads an archive that our own packer wrote: ustar with PAX records. Throws on anything else. */
export function readTar(archive: Uint8Array): ReadEntry[] {
  const bytes = Buffer.from(archive)
  const entries: ReadEntry[] = []
  let pax: Record<string, string> = {}
  for (let at = 0; ;) {
    const header = bytes.subarray(at, at + 512)
    if (header.length < 512) throw new Error('The archive has no end')
    if (header.every((byte) => byte === 0)) {
      if (bytes.length !== at + 1024) throw new Error('The archive does not end with two empty blocks')
      return entries
    }
    const text = (from: number, size: number): string =>
      header.toString('latin1', from, from + size).replace(/\0.*$/su, '')
    const number = (from: number, size: number): number => Number.parseInt(text(from, size) || '0', 8)
    const blanked = Buffer.from(header)
    blanked.write('        ', 148)
    if (number(148, 8) !== blanked.reduce((sum, byte) => sum + byte, 0)) throw new Error('A checksum is wrong')
    const size = pax['size'] ? Number(pax['size']) : number(124, 12)
    const data = bytes.subarray(at + 512, at + 512 + size)
    at += 512 + size + (-size & 511)
    const type = text(156, 1)
    if (type === 'x') {
      pax = parsePax(data)
      continue
    }
    entries.push({
      name: pax['path'] ?? text(0, 100),
      type,
      mode: number(100, 8),
      uid: pax['uid'] ? Number(pax['uid']) : number(108, 8),
      gid: pax['gid'] ? Number(pax['gid']) : number(116, 8),
      mtime: pax['mtime'] ? Number(pax['mtime']) : number(136, 12),
      link: pax['linkpath'] ?? text(157, 100),
      device: `${number(329, 8)}:${number(337, 8)}`,
      data,
      pax,
    })
    pax = {}
  }
}

function parsePax(data: Buffer): Record<string, string> {
  const records: Record<string, string> = {}
  for (let at = 0; at < data.length;) {
    const blank = data.indexOf(' ', at)
    const length = Number(data.toString('latin1', at, blank))
    const equals = data.indexOf('=', blank)
    records[data.toString('latin1', blank + 1, equals)] = data.toString('latin1', equals + 1, at + length - 1)
    at += length
  }
  return records
}
