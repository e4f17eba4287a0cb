import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../helpers/free-port.ts'
import { startRegistry } from '../helpers/registry.ts'
import type { Registry } from '../helpers/registry.ts'
import { openCli, projectHome, standIns } from '../helpers/tsbuild.ts'
import type { Cli } from '../helpers/tsbuild.ts'

let hub: Registry
let cli: Cli

beforeAll(async () => {
  hub = await startRegistry({ seed: standIns })
  cli = openCli({ hub: hub.origin })
  await cli.ok('-t', 'basic-img', join(projectHome, 'fixtures/basic-img'))
  await cli.ok('pull', 'debian:bookworm')
})
afterAll(async () => {
  await cli[Symbol.asyncDispose]()
  await hub[Symbol.asyncDispose]()
})

/** A Java program takes a moment to listen. */
async function ask(url: string): Promise<string> {
  for (let tries = 0; ; tries++) {
    try {
      return await (await fetch(url)).text()
    } catch (error) {
      if (tries === 900) throw error
      await sleep(100)
    }
  }
}

interface Endpoint {
  readonly Gateway: string
  readonly IPAddress: string
}

describe('the example as a container', () => {
  it('answers on its published port with what it sees: the gateway as source, itself as destination', async () => {
    const port = await freePort()
    const id = (await cli.ok('run', '-d', '--name', 'web', '-p', `${port}:60431`, 'basic-img')).trim()
    expect(id).toMatch(/^[0-9a-f]{64}$/)
    const answer = await ask(`http://127.0.0.1:${port}/`)
    const format = '{{range .NetworkSettings.Networks}}{{json .}}{{end}}'
    const endpoint = JSON.parse(await cli.ok('inspect', '--format', format, 'web')) as Endpoint
    expect(answer).toBe(`src: ${endpoint.Gateway} / dest: ${endpoint.IPAddress}\n`)

    const [heading, row] = (await cli.ok('ps')).split('\n')
    expect(heading).toMatch(/^CONTAINER ID +IMAGE +COMMAND +CREATED +STATUS +PORTS +NAMES$/)
    expect(row).toContain(id.slice(0, 12))
    expect(row).toMatch(/basic-img +"java -jar app-in-im…" +.* ago +Up .* +.*->60431\/tcp.* +web$/)
    expect(await cli.ok('logs', 'web')).toContain('listening on 60431')
  })

  it('stops, and is gone after rm', async () => {
    expect(await cli.ok('stop', 'web')).toBe('web\n')
    expect(await cli.ok('logs', 'web')).toContain('stopped')
    expect(await cli.ok('ps', '-q')).toBe('')
    expect(await cli.ok('ps', '-a', '--format', '{{.Names}} {{.Status}}')).toMatch(/^web Exited \(143\) .* ago\n$/)
    expect(await cli.ok('rm', 'web')).toBe('web\n')
    expect(await cli.ok('ps', '-aq')).toBe('')
  })
})

describe('exit status and output', () => {
  it.for([
    [['true'], 0],
    [['sh', '-c', 'exit 42'], 42],
    [['sh', '-c', 'kill -9 $$; exit 3'], 3],
    [['no-such-command'], 127],
    [['/etc/passwd'], 126],
  ] as const)('%j ends with %i', async ([command, status]) => {
    const before = await cli.inventory()
    const result = await cli.run(['run', '--rm', 'debian:bookworm', ...command])
    expect(result.status).toBe(status)
    expect(await cli.inventory()).toEqual(before)
  })

  it('stdout and stderr stay apart, stdin arrives with -i', async () => {
    const both = await cli.run(['run', '--rm', 'debian:bookworm', 'sh', '-c', 'echo out; echo err >&2'])
    expect(both).toEqual({ status: 0, stdout: 'out\n', stderr: 'err\n' })
    const input = await cli.run(['run', '--rm', '-i', 'debian:bookworm', 'cat'], { stdin: 'through\n' })
    expect(input).toEqual({ status: 0, stdout: 'through\n', stderr: '' })
  })

  it('a missing image is pulled first, and said so', async () => {
    await cli.ok('rmi', 'debian:bookworm')
    const { stderr, stdout } = await cli.run(['run', '--rm', 'debian:bookworm', 'echo', 'hi'])
    expect(stdout).toBe('hi\n')
    expect(stderr).toMatch(/^Unable to find image 'debian:bookworm' locally\n/)
    expect(stderr).toContain('Status: Downloaded newer image for debian:bookworm')
  })
})

describe('mistakes', () => {
  it('port taken: says so, and leaves no container', async () => {
    const holder = createServer().listen(0, '0.0.0.0')
    await new Promise((resolve) => holder.once('listening', resolve))
    const { port } = holder.address() as AddressInfo
    const before = await cli.inventory()
    const error = await cli.fails([
      'run',
      '-d',
      '--name',
      'taken',
      '-p',
      `${port}:80`,
      'debian:bookworm',
      'sleep',
      '100',
    ])
    holder.close()
    expect(error).toMatchObject({ code: 'PORT_TAKEN', status: 125 })
    expect(error.message).toContain(String(port))
    expect(error.hint).toBeDefined()
    expect(await cli.inventory()).toEqual(before)
  })

  it('name taken', async () => {
    await cli.ok('create', '--name', 'twice', 'debian:bookworm')
    const error = await cli.fails(['run', '--name', 'twice', 'debian:bookworm', 'true'])
    expect(error).toMatchObject({ code: 'CONTAINER_EXISTS', status: 125 })
    await cli.ok('rm', 'twice')
  })

  it('no such image', async () => {
    const before = await cli.inventory()
    const error = await cli.fails(['run', '--pull', 'never', 'no-such-image', 'true'])
    expect(error).toMatchObject({ code: 'IMAGE_NOT_FOUND', status: 125 })
    expect(await cli.inventory()).toEqual(before)
  })

  it('rm of a running container asks to stop it first', async () => {
    await cli.ok('run', '-d', '--name', 'busy', 'debian:bookworm', 'sleep', '100')
    expect(await cli.fails(['rm', 'busy'])).toMatchObject({ code: 'CONTAINER_RUNNING', status: 1 })
    expect(await cli.ok('rm', '-f', 'busy')).toBe('busy\n')
  })

  it.for([
    [['run', '--nmae', 'x', 'y'], 'USAGE', 125],
    [['run'], 'USAGE', 125],
    [['stop', 'no-such'], 'CONTAINER_NOT_FOUND', 1],
    [['logs', '--tail', 'x', 'no-such'], 'USAGE', 2],
  ] as const)('%j', async ([args, code, status]) => {
    expect(await cli.fails(args)).toMatchObject({ code, status })
  })
})
