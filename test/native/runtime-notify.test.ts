import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { coreBinary } from '../helpers/native-plan.ts'
import { OciRuntime, noContainers, ociConfig, scratch, until, type Scratch } from '../helpers/runtime-bundle.ts'

/** A service manager: writes each datagram that it gets, and a line of its own behind it. */
const manager = `
use IO::Socket::UNIX; use Socket;
my $in = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $ARGV[0]) or die;
$| = 1;
while (defined $in->recv(my $entry, 100000)) { print $entry, "\\n--\\n" }
`

/** Sends a message as a process of the container would, in whose root it puts itself first. */
const sender = `
use IO::Socket::UNIX; use Socket;
chroot $ARGV[0] or die; chdir '/';
IO::Socket::UNIX->new(Type => SOCK_DGRAM, Peer => $ARGV[1])->send($ARGV[2]) or die;
`

let own: Scratch
let oci: OciRuntime
let id: string
let socket: string
let server: ChildProcessByStdio<null, Readable, null>
let received: string
beforeEach(async () => {
  own = scratch()
  oci = new OciRuntime(own)
  id = `notify-${own.path.slice(-6)}`
  socket = join(own.path, 'manager')
  received = ''
  server = spawn('perl', ['-e', manager, socket], { stdio: ['ignore', 'pipe', 'inherit'] })
  server.stdout.on('data', (chunk: Buffer) => (received += chunk.toString()))
  await until(() => existsSync(socket), 'the service manager')
})
afterEach(() => {
  server.kill()
  oci.dispose()
  own.dispose()
})

async function send(text: string): Promise<void> {
  const root = `/proc/${String(oci.state(id)['pid'])}/root`
  const [status] = (await once(
    spawn('perl', ['-e', sender, root, `${socket}/notify`, text], { stdio: 'inherit' }),
    'exit',
  )) as [number]
  expect(status).toBe(0)
}

const env = (): NodeJS.ProcessEnv => ({ ...process.env, NOTIFY_SOCKET: socket })

describe.skipIf(noContainers)('NOTIFY_SOCKET', () => {
  it('is a socket of the container, of which only READY=1 reaches the service manager', async () => {
    const config = ociConfig(['sh', '-c', 'test -S "$NOTIFY_SOCKET" && echo "$NOTIFY_SOCKET" && exec sleep 1000'])
    const child = spawn(coreBinary, ['--root', oci.stateRoot, 'run', '--bundle', oci.bundle(config), id], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: env(),
    })
    let printed = ''
    child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()))
    await until(() => printed !== '', 'the container')
    expect(printed).toBe(`${socket}/notify\n`)
    await send('STATUS=working\nMAINPID=1\n')
    await send('STOPPING=1')
    await send('STATUS=up\nREADY=1')
    await until(() => received !== '', 'the message')
    oci.run(['kill', id, 'KILL'])
    expect(await once(child, 'exit')).toEqual([137, null])
    expect(received).toBe('READY=1\n--\n')
    expect(existsSync(join(oci.stateRoot, id))).toBe(false)
  })

  it('has `start` stay until the container is ready, which is then the process of the service', async () => {
    const config = ociConfig(['sleep', '1000'])
    expect(
      oci.run(['create', '--bundle', oci.bundle(config), id], { env: env(), stdio: ['ignore', 'ignore', 'ignore'] })
        .status,
    ).toBe(0)
    const child = spawn(coreBinary, ['--root', oci.stateRoot, 'start', id], { stdio: 'inherit', env: env() })
    const ended = once(child, 'exit')
    await until(() => oci.state(id)['status'] === 'running', 'the start')
    await send('STATUS=up')
    expect(child.exitCode).toBe(null)
    await send('READY=1\n')
    expect(await ended).toEqual([0, null])
    await until(() => received.includes('BARRIER'), 'the messages')
    expect(received).toBe(`READY=1\n--\nMAINPID=${String(oci.state(id)['pid'])}\n--\nBARRIER=1\n--\n`)
  })

  it('does not hold a `start` longer than the container lives, nor one whose service manager is gone', () => {
    server.kill()
    const bundle = oci.bundle(ociConfig(['true']))
    expect(
      oci.run(['run', '--detach', '--bundle', bundle, id], {
        env: { NOTIFY_SOCKET: join(own.path, 'nobody') },
        stdio: ['ignore', 'ignore', 'ignore'],
      }).status,
    ).toBe(0)
    expect(oci.run(['delete', '--force', id])).toMatchObject({ status: 0, stderr: '' })
    expect(existsSync(join(oci.stateRoot, id))).toBe(false)
  })
})
