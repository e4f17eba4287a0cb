import { spawnSync } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { image, openContainerCli } from '../helpers/container-cli.ts'
import { projectHome } from '../helpers/tsbuild.ts'
import type { Cli } from '../helpers/tsbuild.ts'

/** Stands for a file on a disk that is full. */
const full = '/dev/full'

let cli: Cli
beforeAll(async () => {
  cli = await openContainerCli()
})
afterAll(() => cli[Symbol.asyncDispose]())

it.for([['version'], ['images'], ['save', image], ['image', 'inspect', image]] as const)(
  'a disk that is full is told as such: %s',
  (args) => {
    const stdout = openSync(full, 'w')
    const ended = spawnSync(join(projectHome, 'bin/tsbuild'), ['--root', cli.root, '--log-format', 'json', ...args], {
      env: cli.environment,
      stdio: ['ignore', stdout, 'pipe'],
      encoding: 'utf8',
    })
    closeSync(stdout)
    expect(ended.status).toBe(1)
    expect(JSON.parse(ended.stderr)).toMatchObject({
      code: 'OUTPUT_FAILED',
      message: expect.stringContaining('no space left') as string,
    })
  },
)
