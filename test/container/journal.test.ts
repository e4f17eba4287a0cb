import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Container } from '../../src/container/container-records.ts'
import { journalFields } from '../../src/container/journal-fields.ts'
import { journalEntry, readJournal } from '../../src/container/journal-reader.ts'
import type { LogOptions } from '../../src/container/log-reader.ts'

const id = '0123456789ab'.padEnd(64, '0')

describe('what an entry says of its container', () => {
  const container = (options: Readonly<Record<string, string>>): Container =>
    ({
      id,
      name: 'web',
      spec: {
        image: { name: 'nginx', id: 'sha256:x' },
        labels: { 'com.example/tier': 'front' },
        process: { env: ['A=1', 'AB=2'] },
        log: { driver: 'journald', options },
      },
    }) as unknown as Container

  it('is what docker says', () => {
    expect(journalFields(container({}))).toEqual([
      'CONTAINER_ID=0123456789ab',
      `CONTAINER_ID_FULL=${id}`,
      'CONTAINER_NAME=web',
      'CONTAINER_TAG=0123456789ab',
      'SYSLOG_IDENTIFIER=0123456789ab',
      'IMAGE_NAME=nginx',
    ])
  })

  it('has the tag, labels and variables that were asked for', () => {
    const fields = journalFields(
      container({ tag: '{{.ImageName}}/{{.Name}}', labels: 'com.example/tier,none', env: 'A' }),
    )
    expect(fields).toContain('CONTAINER_TAG=nginx/web')
    expect(fields.slice(-2)).toEqual(['COM_EXAMPLE_TIER=front', 'A=1'])
  })
})

describe('an entry of the journal', () => {
  it.for([
    { fields: { MESSAGE: 'text', PRIORITY: '6' }, gives: { log: 'text\n', stream: 'stdout' } },
    { fields: { MESSAGE: [104, 105, 255], PRIORITY: '3' }, gives: { log: 'hi\ufffd\n', stream: 'stderr' } },
    { fields: { MESSAGE: 'a', CONTAINER_PARTIAL_MESSAGE: 'true' }, gives: { log: 'a', stream: 'stdout' } },
    { fields: { MESSAGE: null }, gives: { log: '\n', stream: 'stdout' } },
  ])('$fields', ({ fields, gives }) => {
    const line = JSON.stringify({ __REALTIME_TIMESTAMP: '1700000000123456', ...fields })
    expect(journalEntry(line)).toEqual({ ...gives, time: '2023-11-14T22:13:20.123456000Z' })
  })
})

describe('journalctl', () => {
  let folder: string
  const path = process.env['PATH'] ?? ''
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tsbuild-journal-'))
  })
  afterEach(() => {
    process.env['PATH'] = path
    rmSync(folder, { recursive: true })
  })

  async function read(options: Partial<LogOptions>): Promise<readonly string[]> {
    const logs: string[] = []
    const { signal } = new AbortController()
    for await (const { log } of readJournal(id, { signal, ...options })) logs.push(log)
    return logs
  }

  it('is asked for the entries of the container in the range', async () => {
    writeFileSync(join(folder, 'journalctl'), `#!/bin/sh\necho "$@" > ${folder}/asked\necho '{"MESSAGE":"one"}'\n`)
    chmodSync(join(folder, 'journalctl'), 0o755)
    process.env['PATH'] = `${folder}${delimiter}${path}`
    expect(await read({ tail: 5, since: new Date(1_500_000), until: new Date(2_000_000) })).toEqual(['one\n'])
    expect(readFileSync(join(folder, 'asked'), 'utf8')).toBe(
      `--output=json --all --quiet --lines=5 --since=@1500 --until=@2000 CONTAINER_ID_FULL=${id}\n`,
    )
  })

  it('is followed until the container ends', async () => {
    writeFileSync(join(folder, 'journalctl'), `#!/bin/sh\necho '{"MESSAGE":"one"}'\nexec sleep 1000\n`)
    chmodSync(join(folder, 'journalctl'), 0o755)
    process.env['PATH'] = `${folder}${delimiter}${path}`
    expect(await read({ follow: Promise.resolve() })).toEqual(['one\n'])
  })

  it('that is not there is said so', async () => {
    process.env['PATH'] = folder
    await expect(read({})).rejects.toMatchObject({ code: 'FEATURE_MISSING' })
  })
})
