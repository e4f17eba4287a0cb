import { describe, expect, it } from 'vitest'
import { detachScanner, pumpAttached } from '../../src/container/attach.ts'
import type { AttachIo } from '../../src/container/attach.ts'
import { parseDetachKeys } from '../../src/container/detach-keys.ts'
import type { MonitorClient } from '../../src/container/monitor-client.ts'

const keys = parseDetachKeys('ctrl-p,ctrl-q')
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString()

describe('detach keys', () => {
  it.for([
    ['ctrl-p,ctrl-q', [16, 17]],
    ['ctrl-@,ctrl-[,ctrl-_', [0, 27, 31]],
    ['a,ctrl-C', [97, 3]],
    ['', []],
  ] as const)('%s', ([spec, bytes]) => {
    expect([...parseDetachKeys(spec)]).toEqual(bytes)
  })

  it.for(['ctrl-1', 'ab', 'ctrl-', 'é', 'a,'])('refuses "%s"', (spec) => {
    expect(() => parseDetachKeys(spec)).toThrow(expect.objectContaining({ code: 'USAGE' }))
  })

  it.for([
    [['ls\n'], 'ls\n', false],
    [['ab\x10\x11cd'], 'ab', true],
    [['ab\x10', '\x11'], 'ab', true],
    [['\x10', 'x'], '\x10x', false],
    [['\x10\x10\x11'], '\x10', true],
    [['\x11\x10'], '\x11', false],
  ] as const)('%j passes %j', ([chunks, pass, detach]) => {
    const scan = detachScanner(keys)
    const results = chunks.map((chunk) => scan(Buffer.from(chunk)))
    expect(results.map((result) => text(result.pass)).join('')).toBe(pass)
    expect(results.at(-1)?.detach).toBe(detach)
  })

  it('none at all: everything passes', () => {
    expect(text(detachScanner(new Uint8Array())(Buffer.from('\x10\x11')).pass)).toBe('\x10\x11')
  })
})

function fakeClient(closed: Promise<void>): { readonly client: MonitorClient; readonly sent: string[] } {
  const sent: string[] = []
  return {
    sent,
    client: {
      closed,
      ask: async () => ({}),
      writeStdin: async (chunk) => void sent.push(text(chunk)),
      endStdin: () => void sent.push('<end>'),
      resize: ({ rows, cols }) => void sent.push(`${rows}x${cols}`),
      [Symbol.dispose]() {},
    },
  }
}

const io = (more: Partial<AttachIo> = {}): AttachIo => ({
  stdin: null,
  stdout: null,
  stderr: null,
  detachKeys: keys,
  ...more,
})
const signal = new AbortController().signal
const never = new Promise<never>(() => {})

describe('an attached client', () => {
  it('gives the exit code, also when the connection has ended already', async () => {
    const { client } = fakeClient(Promise.resolve())
    expect(await pumpAttached(client, Promise.resolve(7), io(), signal)).toEqual({ kind: 'exited', exitCode: 7 })
  })

  it('does not know the exit code of a container whose monitor was killed', async () => {
    const { client } = fakeClient(Promise.resolve())
    expect(await pumpAttached(client, never, io(), signal)).toEqual({ kind: 'exited', exitCode: 255 })
  })

  it('detaches by keys, and sends what came before them', async () => {
    const { client, sent } = fakeClient(never)
    const stdin = (async function* () {
      yield Buffer.from('one')
      yield Buffer.from('two\x10\x11three')
    })()
    expect(await pumpAttached(client, never, io({ stdin }), signal)).toEqual({ kind: 'detached' })
    expect(sent).toEqual(['one', 'two'])
  })

  it('the end of stdin closes the container’s, and it goes on', async () => {
    const exited = Promise.withResolvers<number>()
    const { client, sent } = fakeClient(never)
    const stdin = (async function* () {
      yield Buffer.from('all')
    })()
    const end = pumpAttached(client, exited.promise, io({ stdin }), signal)
    await new Promise((resolve) => setImmediate(resolve))
    expect(sent).toEqual(['all', '<end>'])
    exited.resolve(0)
    expect(await end).toEqual({ kind: 'exited', exitCode: 0 })
  })

  it('detaches when it was interrupted before', async () => {
    expect(await pumpAttached(fakeClient(never).client, never, io(), AbortSignal.abort())).toEqual({ kind: 'detached' })
  })

  it('detaches when it is interrupted', async () => {
    const stop = new AbortController()
    const end = pumpAttached(fakeClient(never).client, never, io(), stop.signal)
    stop.abort()
    expect(await end).toEqual({ kind: 'detached' })
  })
})
