import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createNativeCore } from '../../src/host/native-client.ts'
import type { Answer } from '../../src/host/native.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tsbuild-core-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const hello = `echo '{"type":"hello","protocol":1,"version":"0"}' >&4`

/** A stand-in for the core: a shell script with the plan on descriptor 3 and the answers on 4. */
function fakeCore(body: string): ReturnType<typeof createNativeCore> {
  const path = join(directory, 'core')
  writeFileSync(path, `#!/bin/sh\n${body}\n`)
  chmodSync(path, 0o755)
  return createNativeCore(path)
}

it('sends one plan and gives the result', async () => {
  const core = fakeCore(`${hello}; printf '{"type":"result","plan":%s}\\n' "$(cat <&3)" >&4`)
  expect(await core.call('walk', { root: '/x' })).toEqual({
    type: 'result',
    plan: { protocol: 1, verb: 'walk', root: '/x' },
  })
})

it('hands on events in order, whatever the chunks', async () => {
  const core = fakeCore(
    `${hello}; printf '{"type":"event","n":1}\\n{"type":"eve' >&4; sleep 0.05; printf 'nt","n":2}\\n{"type":"result"}' >&4`,
  )
  const events: Answer[] = []
  await core.call('apply', {}, { onEvent: (event) => events.push(event) })
  expect(events.map((event) => event['n'])).toEqual([1, 2])
})

it('connects descriptors from 5 upward and the standard streams', async () => {
  const core = fakeCore(`${hello}; cat <&5 >&1; echo '{"type":"result"}' >&4`)
  const running = core.start('extract', {}, { fds: ['pipe'], stdio: ['ignore', 'pipe', 'ignore'] })
  running.pipes[0]?.end('through the core')
  let text = ''
  for await (const chunk of running.stdout ?? []) text += String(chunk)
  await running.result
  expect(text).toBe('through the core')
})

describe('an error', () => {
  it('of the table keeps its code, errno, system call and path', async () => {
    const line =
      '{"type":"error","code":"PATH_MISSING","errno":"ENOENT","syscall":"openat2","path":"a/b","message":"cannot open a/b"}'
    const core = fakeCore(`${hello}; echo '${line}' >&4; exit 1`)
    await expect(core.call('read', {})).rejects.toMatchObject({
      code: 'PATH_MISSING',
      errno: 'ENOENT',
      syscall: 'openat2',
      path: 'a/b',
      message: 'cannot open a/b',
    })
  })

  it('with a code that is not in the table is NATIVE_FAILED', async () => {
    const core = fakeCore(`${hello}; echo '{"type":"error","code":"NO_SUCH_CODE","message":"x"}' >&4; exit 1`)
    await expect(core.call('read', {})).rejects.toMatchObject({ code: 'NATIVE_FAILED' })
  })

  it.for([
    ['ends without an answer', `${hello}; exit 3`, /exit code 3 without an answer/],
    ['is killed', `${hello}; kill -9 $$`, /signal SIGKILL without an answer/],
    ['speaks another protocol', `echo '{"type":"hello","protocol":2}' >&4`, /protocol 2/],
    ['sends what is not JSON', `${hello}; echo nonsense >&4`, /not JSON/],
    ['sends a line of an unknown type', `${hello}; echo '{"type":"surprise"}' >&4`, /type "surprise"/],
  ] as const)('of a core that %s is NATIVE_PROTOCOL', async ([, body, message]) => {
    await expect(fakeCore(body).call('walk', {})).rejects.toMatchObject({
      code: 'NATIVE_PROTOCOL',
      message: expect.stringMatching(message),
    })
  })

  it('of a missing binary says how to get it', async () => {
    await expect(createNativeCore(join(directory, 'none')).call('walk', {})).rejects.toMatchObject({
      code: 'NATIVE_MISSING',
      hint: expect.stringContaining('TSBUILD_CORE'),
    })
  })
})

it('that has no descriptor left tells what to raise', () => {
  const client = join(import.meta.dirname, '../../src/host/native-client.ts')
  const script = `import { openSync } from 'node:fs'; import { createNativeCore } from '${client}'
    const core = createNativeCore('/bin/true'); try { for (;;) openSync('/dev/null') } catch {}
    core.prepare('walk'); core[Symbol.dispose]()
    await core.call('walk', {}).catch(({ code, hint }) => process._rawDebug(code, hint))`
  const node = [process.execPath, '--conditions=tsbuild-source', '--input-type=module', '-e', script]
  const { stderr } = spawnSync('sh', ['-c', 'ulimit -n 64; exec "$@"', 'sh', ...node], { encoding: 'utf8' })
  expect(stderr).toBe('NATIVE_MISSING Allow more open files (ulimit -n)\n')
})

describe('an abort', () => {
  it('ends the core and rejects with CANCELLED after it has cleaned up', async () => {
    const mark = join(directory, 'cleaned')
    const ready = `echo '{"type":"event"}' >&4`
    const core = fakeCore(`trap 'touch ${mark}; exit 1' TERM; ${hello}; ${ready}; while :; do sleep 0.05; done`)
    const controller = new AbortController()
    const onEvent = (): void => controller.abort()
    const result = core.call('apply', {}, { signal: controller.signal, onEvent })
    await expect(result).rejects.toMatchObject({ code: 'CANCELLED' })
    expect(existsSync(mark)).toBe(true)
  })

  it('before the start starts nothing', async () => {
    const core = fakeCore(`touch ${join(directory, 'started')}`)
    await expect(async () => core.call('apply', {}, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: 'AbortError',
    })
    expect(existsSync(join(directory, 'started'))).toBe(false)
  })
})

describe('a process that was started ahead', () => {
  /** Writes down with which arguments it was started, and answers with them. */
  const told = `echo "$*" >>"$0.starts"; ${hello}; cat <&3 >/dev/null; printf '{"type":"result","args":"%s"}\\n' "$*" >&4`
  const starts = (): readonly string[] => readFileSync(join(directory, 'core.starts'), 'utf8').trim().split('\n')

  it('carries out the next plan with its verb, and only that one', async () => {
    const core = fakeCore(told)
    core.prepare('walk')
    core.prepare('walk')
    expect(await core.call('read', {})).toMatchObject({ args: 'plan' })
    expect(await core.call('walk', {}, { stdio: ['ignore', 'pipe', 'ignore'] })).toMatchObject({ args: 'plan' })
    expect(await core.call('walk', {}, { fds: ['pipe'] })).toMatchObject({ args: 'plan' })
    expect(await core.call('walk', {})).toMatchObject({ args: 'plan --ahead walk' })
    expect(await core.call('walk', {})).toMatchObject({ args: 'plan' })
    expect(starts().filter((args) => args.includes('--ahead'))).toEqual(['plan --ahead walk'])
  })

  it('waits with its own standard streams', async () => {
    const core = fakeCore(`${hello}; cat <&3 >&1; echo '{"type":"result"}' >&4`)
    const stdio = ['ignore', 'pipe', 'ignore'] as const
    core.prepare('sandbox', stdio)
    const running = core.start('sandbox', { id: 'x' }, { stdio })
    let text = ''
    for await (const chunk of running.stdout ?? []) text += String(chunk)
    await running.result
    expect(JSON.parse(text)).toMatchObject({ verb: 'sandbox', id: 'x' })
  })

  it('and has ended is not given a plan', async () => {
    const core = fakeCore(`case "$*" in *--ahead*) exit 1;; esac; ${told}`)
    core.prepare('walk')
    // The next one has started and ended: then the end of the first is known as well.
    await core.call('read', {})
    await vi.waitFor(async () => expect(await core.call('walk', {})).toMatchObject({ args: 'plan' }))
  })

  it('that cannot be started is no error of who prepared it', async () => {
    const core = createNativeCore(join(directory, 'none'))
    core.prepare('walk')
    await expect(core.call('walk', {})).rejects.toMatchObject({ code: 'NATIVE_MISSING' })
  })

  it('ends with the client', async () => {
    const core = fakeCore(`trap '' PIPE; cat <&3 >/dev/null; touch "$0.ended"`)
    core.prepare('walk')
    core[Symbol.dispose]()
    await vi.waitFor(() => expect(existsSync(join(directory, 'core.ended'))).toBe(true), { timeout: 60_000 })
  })

  it('does not keep us, and ends with us', async () => {
    fakeCore(`trap '' PIPE; ${hello}; cat <&3 >/dev/null; touch "$0.ended"`)
    const client = join(import.meta.dirname, '../../src/host/native-client.ts')
    const script = `import { createNativeCore } from '${client}'; createNativeCore('${join(directory, 'core')}').prepare('walk')`
    execFileSync(process.execPath, ['--conditions=tsbuild-source', '--input-type=module', '-e', script])
    await vi.waitFor(() => expect(existsSync(join(directory, 'core.ended'))).toBe(true), { timeout: 60_000 })
  })
})
