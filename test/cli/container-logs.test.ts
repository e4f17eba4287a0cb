import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { image, openContainerCli, until } from '../helpers/container-cli.ts'
import { projectHome } from '../helpers/tsbuild.ts'
import type { Cli } from '../helpers/tsbuild.ts'

let cli: Cli
beforeAll(async () => {
  cli = await openContainerCli()
})
afterAll(() => cli[Symbol.asyncDispose]())

/** Megabytes are not to be shown. */
function firstDifference(found: string, wanted: string): string {
  const [left, right] = [found.split('\n'), wanted.split('\n')]
  const at = right.findIndex((line, index) => line !== left[index])
  return at < 0 && left.length === right.length ? '' : `${left.length} lines, line ${at}: ${left[at]} for ${right[at]}`
}

describe('logs of a talkative container', () => {
  const count = 300_000
  const every = Array.from({ length: count }, (_, index) => `${index + 1}\n`).join('')

  it.for([
    ['few small files', 'max-size=20k', 'max-file=3'],
    ['one small file', 'max-size=20k', 'max-file=1'],
    ['compressed files', 'max-size=200k', 'max-file=3', 'compress=true'],
  ] as const)('-f misses none of %s', { timeout: 120_000 }, async ([, ...options]) => {
    const flags = options.flatMap((option) => ['--log-opt', option])
    const script = `echo ready; while [ ! -e /go ]; do sleep 0.05; done; seq 1 ${count}`
    await cli.ok('run', '-d', '--name', 'fast', ...flags, image, 'sh', '-c', script)
    const follower = spawn(join(projectHome, 'bin/tsbuild'), ['--root', cli.root, 'logs', '-f', 'fast'], {
      env: cli.environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const said = { stdout: '', stderr: '' }
    follower.stdout.on('data', (chunk: Buffer) => (said.stdout += chunk.toString()))
    follower.stderr.on('data', (chunk: Buffer) => (said.stderr += chunk.toString()))
    const end = once(follower, 'close')
    await until('it follows', async () => said.stdout === 'ready\n')
    await cli.ok('exec', 'fast', 'touch', '/go')
    expect(await end).toEqual([0, null])
    expect(said.stderr).toBe('')
    expect(firstDifference(said.stdout, `ready\n${every}`)).toBe('')
    const last = await cli.ok('logs', 'fast')
    expect(firstDifference(last, every.slice(-last.length))).toBe('')
    expect(last.length).toBeLessThan(every.length)
    expect(await cli.ok('logs', '--tail', '100', 'fast')).toBe(every.split('\n').slice(-101).join('\n'))
    await cli.ok('rm', 'fast')
  })

  it('--details tells what the logging options name', async () => {
    const options = [
      '--log-opt',
      'labels-regex=^tier',
      '--log-opt',
      'env=OWN',
      '--log-opt',
      'tag={{.Name}}/{{.ImageName}}',
    ]
    await cli.ok('run', '--name', 'told', '-e', 'OWN=1', '--label', 'tier=front', ...options, image, 'echo', 'text')
    expect(await cli.ok('logs', '--details', 'told')).toBe(`OWN=1,tag=told/${image},tier=front text\n`)
    await cli.ok('rm', 'told')
  })
})
