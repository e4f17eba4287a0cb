import { PassThrough } from 'node:stream'
import { stripVTControlCharacters } from 'node:util'
import { describe, expect, it } from 'vitest'
import type { Event } from '../../src/base/events.ts'
import { openBuildProgress, openTransferProgress } from '../../src/ui/progress/progress.ts'
import type { ProgressMode } from '../../src/ui/progress/progress.ts'
import { createLineSplitter } from '../../src/ui/progress/step-log.ts'
import { createTerminal } from '../../src/ui/terminal.ts'
import type { Terminal } from '../../src/ui/terminal.ts'

interface Recorder {
  readonly terminal: Terminal
  readonly stdout: () => string
  readonly stderr: () => string
}

function record(options: { readonly isTTY?: boolean } = {}): Recorder {
  const texts = { stdout: '', stderr: '' }
  const stream = (name: 'stdout' | 'stderr') => {
    const through = new PassThrough()
    through.on('data', (chunk: Buffer) => (texts[name] += chunk.toString()))
    return Object.assign(through, options.isTTY === true ? { isTTY: true, columns: 60, rows: 20 } : {})
  }
  const streams = { 1: stream('stdout'), 2: stream('stderr') }
  const terminal = createTerminal({
    stdin: () => new PassThrough(),
    stdout: () => streams[1],
    stderr: () => streams[2],
    write: (descriptor, data) => void streams[descriptor].write(data),
    mayBeTty: () => true,
    env: () => undefined,
  })
  return { terminal, stdout: () => texts.stdout, stderr: () => texts.stderr }
}

const vertex = (id: string, state: Extract<Event, { kind: 'vertex' }>['state'], at: number, error?: string): Event => ({
  kind: 'vertex',
  id,
  name: `[${id}/2] RUN ${id}`,
  state,
  at,
  ...(error === undefined ? {} : { error }),
})
const log = (id: string, text: string, at: number): Event => ({
  kind: 'vertex-log',
  id,
  stream: 'stdout',
  data: Buffer.from(text),
  at,
})

const build: readonly Event[] = [
  vertex('1', 'pending', 0),
  vertex('1', 'running', 1000),
  log('1', 'hel', 1100),
  log('1', 'lo\nwor', 1200),
  vertex('2', 'running', 1250),
  log('2', 'other\n', 1300),
  log('1', 'ld', 1400),
  vertex('1', 'done', 2500),
  vertex('2', 'failed', 2600, 'exit code: 3'),
]

async function show(
  mode: ProgressMode,
  events: readonly Event[],
  options: { readonly isTTY?: boolean } = {},
): Promise<Recorder> {
  const recorder = record(options)
  using progress = await openBuildProgress(mode, recorder.terminal)
  for (const event of events) progress.emit(event)
  return recorder
}

describe('plain', () => {
  it("is docker's form; output keeps its line, time and step", async () => {
    const { stderr, stdout } = await show('plain', build)
    expect(stdout()).toBe('')
    expect(stderr()).toBe(
      [
        '#1 [1/2] RUN 1',
        '#1 0.200 hello',
        '',
        '#2 [2/2] RUN 2',
        '#2 0.050 other',
        '',
        '#1 [1/2] RUN 1',
        '#1 1.500 world',
        '#1 DONE 1.5s',
        '',
        '#2 [2/2] RUN 2',
        '#2 ERROR: exit code: 3',
        '',
        '',
      ].join('\n'),
    )
  })

  it('says CACHED and CANCELED', async () => {
    const { stderr } = await show('plain', [
      vertex('1', 'cached', 0),
      vertex('2', 'running', 0),
      vertex('2', 'cancelled', 5),
    ])
    expect(stderr()).toBe('#1 [1/2] RUN 1\n#1 CACHED\n\n#2 [2/2] RUN 2\n#2 CANCELED\n\n')
  })

  it('is chosen where there is no terminal', async () => {
    const { stderr } = await show('auto', [vertex('1', 'cached', 0)])
    expect(stderr()).toContain('#1 CACHED')
  })
})

describe('tty', () => {
  it('leaves ended steps and the output of the failed one on the screen', async () => {
    const { stderr } = await show('auto', build, { isTTY: true })
    const text = stripVTControlCharacters(stderr())
    expect(text).toMatch(/✔ \[1\/2\] RUN 1 +1\.5s/)
    expect(text).toMatch(/✘ \[2\/2\] RUN 2 +1\.[34]s\n {3}│ other\n {3}exit code: 3/)
    expect(text).not.toContain('hello')
  })

  it('no line is wider than the terminal', async () => {
    const wide: Event = { kind: 'vertex', id: 'w', name: 'x'.repeat(500), state: 'done', at: 0 }
    const { stderr } = await show('tty', [wide], { isTTY: true })
    const lines = stripVTControlCharacters(stderr()).split('\n')
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(60)
  })
})

describe('rawjson and quiet', () => {
  it('rawjson is one event a line, output as text', async () => {
    const { stderr } = await show('rawjson', build)
    const events = stderr()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(events).toHaveLength(build.length)
    expect(events[2]).toEqual({ kind: 'vertex-log', id: '1', stream: 'stdout', at: 1100, text: 'hel' })
  })

  it.for(['quiet', 'none'] as const)('%s shows the output of a failed step and warnings only', async (mode) => {
    const { stderr, stdout } = await show(mode, [
      ...build,
      { kind: 'notice', level: 'warning', text: 'old base' },
      { kind: 'notice', level: 'info', text: 'x' },
    ])
    expect(stderr()).toBe('other\nWarning: old base\n')
    expect(stdout()).toBe('')
  })
})

describe('transfers', () => {
  const digest = `sha256:${'0123456789abcdef'.repeat(4)}`
  const layer = (phase: Extract<Event, { kind: 'transfer' }>['phase'], note?: string): Event => ({
    kind: 'transfer',
    parent: 'x',
    item: digest,
    phase,
    done: 1,
    total: 2,
    ...(note === undefined ? {} : { note }),
  })

  it.for([
    [
      'pull',
      ['waiting', 'downloading', 'downloading', 'verifying', 'extracting', 'pulled'],
      ['Pulling fs layer', 'Downloading', 'Verifying Checksum', 'Extracting', 'Pull complete'],
    ],
    ['pull', ['exists'], ['Already exists']],
    ['push', ['waiting', 'uploading', 'pushed'], ['Preparing', 'Pushing', 'Pushed']],
    ['push', ['exists'], ['Layer already exists']],
  ] as const)('%s %j in the words of docker, each once', async ([direction, phases, want]) => {
    const { terminal, stdout } = record()
    using progress = await openTransferProgress(terminal, { direction, stream: 'stdout' })
    for (const phase of phases) progress.emit(layer(phase))
    expect(stdout()).toBe(want.map((word) => `0123456789ab: ${word}\n`).join(''))
  })

  it('a mount names where from, notices are lines of their own', async () => {
    const { terminal, stdout } = record()
    using progress = await openTransferProgress(terminal, { direction: 'push', stream: 'stdout' })
    progress.emit({ kind: 'notice', level: 'info', text: 'The push refers to repository [x]' })
    progress.emit(layer('mounted', 'library/debian'))
    expect(stdout()).toBe('The push refers to repository [x]\n0123456789ab: Mounted from library/debian\n')
  })

  it('on a terminal the last state stays', async () => {
    const { terminal, stdout } = record({ isTTY: true })
    {
      using progress = await openTransferProgress(terminal, { direction: 'pull', stream: 'stdout' })
      progress.emit(layer('downloading'))
      progress.emit(layer('pulled'))
      progress.emit({ kind: 'notice', level: 'info', text: `Digest: ${digest}` })
    }
    const lines = stripVTControlCharacters(stdout())
      .trim()
      .split('\n')
      .map((line) => line.trim())
    expect(lines).toEqual(['0123456789ab: Pull complete', `Digest: ${digest}`])
  })
})

describe('output of steps', () => {
  it.for([
    [['a\nb\n'], ['a', 'b']],
    [
      ['a', 'b', '\nc'],
      ['ab', 'c'],
    ],
    [['10%\r20%\r30%\n'], ['30%']],
    [['x\r\n'], ['x']],
    [['\u001b[31mred\u001b[0m \u001b]0;title\u0007end\n'], ['red end']],
    [['a\u0007b\n'], ['a\\u0007b']],
    [['\n\n'], ['', '']],
  ] as const)('%j', ([chunks, want]) => {
    const splitter = createLineSplitter()
    const lines = chunks.flatMap((chunk) => splitter.push(Buffer.from(chunk)))
    expect([...lines, ...splitter.end()]).toEqual(want)
  })

  it('a character cut in two arrives whole', () => {
    const splitter = createLineSplitter()
    const bytes = Buffer.from('é\n')
    expect([...splitter.push(bytes.subarray(0, 1)), ...splitter.push(bytes.subarray(1))]).toEqual(['é'])
  })

  it('a line without end does not fill the memory', () => {
    const splitter = createLineSplitter()
    const lines = splitter.push(Buffer.alloc(200_000, 0x61))
    expect(lines.length).toBe(3)
  })
})
