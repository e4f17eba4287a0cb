import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'

/** A value that came over the wire; numbers of 64 bits as bigint. */
export type Value = string | number | bigint | boolean | Value[]

export interface UnitCall {
  readonly member: string
  readonly unit: string
  readonly properties: ReadonlyMap<string, Value>
}

/** A message bus with a systemd behind it that makes scopes below a v2 cgroup, as the real one does it. */
export interface FakeSystemd {
  readonly address: string
  readonly calls: readonly UnitCall[]
  /** What the next StartTransientUnit is answered: an error's name, or the result of its job. */
  refuse: { error?: string; result?: string } | undefined
  close(): Promise<void>
}

/** `hierarchy`: where the v2 cgroup file system is mounted. */
export async function fakeSystemd(socket: string, hierarchy: string): Promise<FakeSystemd> {
  const calls: UnitCall[] = []
  const fake: FakeSystemd = {
    address: `unix:path=${socket}`,
    calls,
    refuse: undefined,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
  const units = new Map<string, string>()
  const server = createServer((peer) => serve(peer, (message) => answer(message, peer)))
  await new Promise<void>((resolve) => server.listen(socket, resolve))
  return fake

  function answer(message: Message, peer: Socket): void {
    const reply = (body: Buffer = Buffer.alloc(0), signature = ''): void => {
      peer.write(pack(2, { 5: message.serial, 8: signature }, body))
    }
    if (message.member === 'Hello') return reply(text(':1.7'), 's')
    if (message.member === 'AddMatch' || message.member === 'Subscribe' || message.member === 'ResetFailedUnit')
      return reply()
    const unit = message.body[0] as string
    const properties = new Map(
      ((message.body[message.member === 'StopUnit' ? 9 : 2] ?? []) as [string, Value][]).map(([name, value]) => [
        name,
        value,
      ]),
    )
    calls.push({ member: message.member, unit, properties })
    if (message.member === 'SetUnitProperties') return reply()
    const refused = message.member === 'StartTransientUnit' ? fake.refuse : undefined
    if (refused !== undefined) fake.refuse = undefined
    if (refused?.error !== undefined) {
      peer.write(pack(3, { 4: refused.error, 5: message.serial, 8: 's' }, text('no')))
      return
    }
    if (refused === undefined && message.member === 'StartTransientUnit') start(unit, properties)
    const job = '/org/freedesktop/systemd1/job/1'
    const removed = Buffer.concat([Buffer.from([1, 0, 0, 0]), aligned([job, unit, refused?.result ?? 'done'])])
    /* The job of a unit that is down already is done before its call is answered. */
    if (message.member === 'StopUnit') peer.write(pack(4, { 1: '/x', 2: 'y', 3: 'JobRemoved', 8: 'uoss' }, removed))
    reply(text(job), 'o')
    if (message.member !== 'StopUnit') peer.write(pack(4, { 1: '/x', 2: 'y', 3: 'JobRemoved', 8: 'uoss' }, removed))
    if (message.member === 'StopUnit') stop(unit)
  }

  function start(unit: string, properties: ReadonlyMap<string, Value>): void {
    const directory = join(hierarchy, properties.get('Slice') as string, unit)
    mkdirSync(directory, { recursive: true })
    units.set(unit, directory)
    for (const pid of properties.get('PIDs') as number[]) writeFileSync(join(directory, 'cgroup.procs'), String(pid))
  }

  function stop(unit: string): void {
    const directory = units.get(unit)
    if (
      directory !== undefined &&
      existsSync(directory) &&
      readFileSync(join(directory, 'cgroup.procs'), 'utf8') === ''
    )
      rmdirSync(directory)
  }
}

interface Message {
  readonly serial: number
  readonly member: string
  readonly body: Value[]
}

/** The words of the handshake, then messages. */
function serve(peer: Socket, take: (message: Message) => void): void {
  let data = Buffer.alloc(0)
  let begun = false
  peer.on('error', () => {})
  peer.on('data', (more: Buffer) => {
    data = Buffer.concat([data, more])
    for (let end = data.indexOf('\r\n'); !begun && end >= 0; end = data.indexOf('\r\n')) {
      const line = data.subarray(0, end).toString('latin1').replace('\0', '')
      data = data.subarray(end + 2)
      if (line === 'AUTH EXTERNAL') peer.write('DATA\r\n')
      if (line === 'DATA') peer.write('OK 0123456789abcdef\r\n')
      begun = line === 'BEGIN'
    }
    if (!begun) return
    while (data.length >= 16) {
      const header = 16 + data.readUInt32LE(12)
      const start = header + ((8 - (header % 8)) % 8)
      const size = start + data.readUInt32LE(4)
      if (data.length < size) return
      const fields = new Map(unpack('a(yv)', data.subarray(12, header), 12)[0] as [number, Value][])
      const signature = (fields.get(8) as string | undefined) ?? ''
      take({
        serial: data.readUInt32LE(8),
        member: fields.get(3) as string,
        body: unpack(signature, data.subarray(start, size), 0),
      })
      data = data.subarray(size)
    }
  })
}

/** `origin`: where the bytes lie, for the alignment. */
function unpack(signature: string, data: Buffer, origin: number): Value[] {
  let at = 0
  let type = 0
  let types = signature
  const align = (to: number): void => {
    while ((origin + at) % to !== 0) at++
  }
  const one = (): Value => {
    const kind = types[type++]
    switch (kind) {
      case 'y':
        return data.readUInt8(at++)
      case 'b':
      case 'u':
      case 'i': {
        align(4)
        const number = kind === 'i' ? data.readInt32LE(at) : data.readUInt32LE(at)
        at += 4
        return kind === 'b' ? number === 1 : number
      }
      case 't':
      case 'x': {
        align(8)
        const number = kind === 't' ? data.readBigUInt64LE(at) : data.readBigInt64LE(at)
        at += 8
        return number
      }
      case 's':
      case 'o':
      case 'g': {
        if (kind !== 'g') align(4)
        const length = kind === 'g' ? data.readUInt8(at) : data.readUInt32LE(at)
        at += kind === 'g' ? 1 : 4
        const value = data.toString('utf8', at, at + length)
        at += length + 1
        return value
      }
      case 'v': {
        const length = data.readUInt8(at)
        const outer = [types, type] as const
        types = data.toString('latin1', at + 1, at + 1 + length)
        type = 0
        at += length + 2
        const value = one()
        ;[types, type] = outer
        return value
      }
      case '(': {
        align(8)
        const members: Value[] = []
        while (types[type] !== ')') members.push(one())
        type++
        return members
      }
      case 'a': {
        align(4)
        const length = data.readUInt32LE(at)
        at += 4
        const element = type
        align('(xt'.includes(types[element]!) ? 8 : types[element] === 'y' ? 1 : 4)
        const items: Value[] = []
        const end = at + length
        const done = (): boolean => at >= end
        while (!done()) {
          type = element
          items.push(one())
        }
        if (items.length === 0) type = skip(types, element)
        return items
      }
      default:
        throw new Error(`type '${kind}' of '${types}'`)
    }
  }
  const values: Value[] = []
  while (type < types.length) values.push(one())
  return values
}

/** Behind the one complete type at `at`. */
function skip(types: string, at: number): number {
  if (types[at] === 'a') return skip(types, at + 1)
  if (types[at] !== '(') return at + 1
  let next = at + 1
  while (types[next] !== ')') next = skip(types, next)
  return next + 1
}

function text(value: string): Buffer {
  const bytes = Buffer.from(`${value}\0`)
  const length = Buffer.alloc(4)
  length.writeUInt32LE(bytes.length - 1)
  return Buffer.concat([length, bytes])
}

/** Strings one after the other from a place that is aligned to 4. */
function aligned(values: readonly string[]): Buffer {
  return values.reduce((data, value) => Buffer.concat([padded(data, 4), text(value)]), Buffer.alloc(0))
}

function padded(data: Buffer, to: number): Buffer {
  return Buffer.concat([data, Buffer.alloc((to - (data.length % to)) % to)])
}

function pack(type: number, fields: Record<number, string | number>, body: Buffer): Buffer {
  let list = Buffer.alloc(0)
  for (const [code, value] of Object.entries(fields)) {
    if (value === '') continue
    const kind = { 1: 'o', 5: 'u', 8: 'g' }[code] ?? 's'
    const number = Buffer.alloc(4)
    if (typeof value === 'number') number.writeUInt32LE(value)
    const bytes =
      typeof value === 'number'
        ? number
        : kind === 'g'
          ? Buffer.concat([Buffer.from([value.length]), Buffer.from(`${value}\0`)])
          : text(value)
    list = Buffer.concat([padded(list, 8), Buffer.from([Number(code), 1, kind.charCodeAt(0), 0]), bytes])
  }
  const header = Buffer.alloc(16)
  header.write('l')
  header.writeUInt8(type, 1)
  header.writeUInt8(1, 3)
  header.writeUInt32LE(body.length, 4)
  header.writeUInt32LE(1, 8)
  header.writeUInt32LE(list.length, 12)
  return Buffer.concat([padded(Buffer.concat([header, list]), 8), body])
}
