import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { keyAgent } from '../../../src/build/ops/ssh-agent.ts'
import { createSshAgents, forwardTo } from '../../../src/build/ops/ssh-agents.ts'
import { readSshKey } from '../../../src/build/ops/ssh-key.ts'
import { SshReader, sshString } from '../../../src/build/ops/ssh-wire.ts'
import { parseSsh } from '../../../src/build/options/ssh-option.ts'
import { tempDir } from '../temp-dir.ts'

const owner = { uid: 0, gid: 0, mode: 0o600, required: true }
const hasSsh = spawnSync('ssh-keygen', ['-?']).error === undefined
if (!hasSsh)
  console.log("OpenSSH's own tools are not installed: agents are tested with our reading of the protocol only")

/** One request to a socket, one answer. */
function ask(path: string, request: Buffer): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  const socket = connect(path, () => socket.write(sshString(request)))
  let got = Buffer.alloc(0)
  socket.on('data', (chunk) => {
    got = Buffer.concat([got, chunk])
    if (got.length >= 4 && got.length >= 4 + got.readUInt32BE(0)) {
      socket.destroy()
      resolve(got.subarray(4))
    }
  })
  socket.on('error', reject)
  socket.on('close', () => resolve(Buffer.alloc(0)))
  return promise
}

describe('an agent of keys', () => {
  it.for<[string, 'rsa' | 'ed25519', object, string, number, string | null]>([
    ['Ed25519', 'ed25519', {}, 'ssh-ed25519', 0, null],
    ['RSA', 'rsa', { modulusLength: 2048 }, 'rsa-sha2-512', 4, 'sha512'],
    ['RSA with SHA-256', 'rsa', { modulusLength: 2048 }, 'rsa-sha2-256', 2, 'sha256'],
  ])('lists and signs with %s', async ([, type, options, algorithm, flags, hash]) => {
    const { privateKey, publicKey } = generateKeyPairSync(type as 'rsa', options as { modulusLength: number })
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    const key = readSshKey(pem, 'test')
    const agents = createSshAgents({ agents: new Map([['k', keyAgent([key])]]), directory: tempDir() })
    await using socket = await agents.open('k', owner)
    const list = new SshReader((await ask(socket!.path, Buffer.of(11))).subarray(1))
    expect(list.uint32()).toBe(1)
    expect(list.string().equals(key.publicBlob)).toBe(true)
    expect(list.text()).toBe('test')
    const data = Buffer.from('sign me')
    const flagBytes = Buffer.alloc(4)
    flagBytes.writeUInt32BE(flags)
    const answer = await ask(
      socket!.path,
      Buffer.concat([Buffer.of(13), sshString(key.publicBlob), sshString(data), flagBytes]),
    )
    expect(answer[0]).toBe(14)
    const signature = new SshReader(new SshReader(answer.subarray(1)).string())
    expect(signature.text()).toBe(algorithm)
    expect(
      verify(hash, data, createPublicKey(publicKey.export({ type: 'spki', format: 'pem' })), signature.string()),
    ).toBe(true)
  })

  it.for<[string, Buffer]>([
    ['an unknown request', Buffer.of(17)],
    ['a short one', Buffer.of(13, 0, 0)],
    ['a key it does not have', Buffer.concat([Buffer.of(13), sshString('other'), sshString('x'), Buffer.alloc(4)])],
  ])('refuses %s', async ([, request]) => {
    const agents = createSshAgents({ agents: new Map([['k', keyAgent([])]]), directory: tempDir() })
    await using socket = await agents.open('k', owner)
    expect([...(await ask(socket!.path, request))]).toEqual([5])
  })

  it.skipIf(!hasSsh).for(['ed25519', 'rsa', 'ecdsa'])(
    "serves OpenSSH's own tools with a key of type %s",
    async (type) => {
      const folder = tempDir()
      const file = join(folder, 'id')
      spawnSync('ssh-keygen', ['-q', '-t', type, '-N', '', '-C', 'me@here', '-f', file])
      const [id, connector] = await parseSsh(
        `deploy=${file}`,
        { cwd: '/', env: () => undefined },
        AbortSignal.timeout(60_000),
      )
      const agents = createSshAgents({ agents: new Map([[id, connector]]), directory: folder })
      await using socket = await agents.open('deploy', owner)
      const { spawn } = await import('node:child_process')
      const run = (program: string, args: string[]): Promise<string> => {
        const { promise, resolve } = Promise.withResolvers<string>()
        const child = spawn(program, args, {
          env: { PATH: process.env['PATH'] ?? '', SSH_AUTH_SOCK: socket!.path },
          stdio: ['ignore', 'pipe', 'pipe'],
        })
        let out = ''
        child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
        child.stderr.on('data', (chunk: Buffer) => (out += chunk.toString()))
        child.on('close', () => resolve(out))
        return promise
      }
      expect(await run('ssh-add', ['-l'])).toContain('me@here')
      writeFileSync(join(folder, 'text'), 'sign me')
      expect(
        await run('ssh-keygen', ['-Y', 'sign', '-n', 'test', '-f', `${file}.pub`, join(folder, 'text')]),
      ).toContain('Signing file')
      expect(
        spawnSync('ssh-keygen', ['-Y', 'check-novalidate', '-n', 'test', '-s', join(folder, 'text.sig')], {
          input: 'sign me',
        }).status,
      ).toBe(0)
    },
  )
})

describe('--ssh', () => {
  it('forwards to an agent', async () => {
    const directory = tempDir()
    const { privateKey } = generateKeyPairSync('ed25519')
    const key = readSshKey(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), 'far')
    const far = createSshAgents({ agents: new Map([['k', keyAgent([key])]]), directory })
    await using behind = await far.open('k', owner)
    const agents = createSshAgents({ agents: new Map([['default', forwardTo(behind!.path)]]), directory })
    await using socket = await agents.open('default', owner)
    expect((await ask(socket!.path, Buffer.of(11)))[0]).toBe(12)
  })

  it('says what is missing', async () => {
    const agents = createSshAgents({ agents: new Map(), directory: tempDir() })
    expect(await agents.open('default', { ...owner, required: false })).toBeUndefined()
    await expect(agents.open('default', owner)).rejects.toMatchObject({
      code: 'SECRET_MISSING',
      hint: 'Pass it with --ssh default',
    })
    const { signal } = new AbortController()
    const nothing = { cwd: '/', env: () => undefined }
    await expect(parseSsh('default', nothing, signal)).rejects.toMatchObject({ code: 'USAGE' })
    await expect(parseSsh('default=/nowhere', nothing, signal)).rejects.toMatchObject({ code: 'USAGE' })
    const file = join(tempDir(), 'key')
    writeFileSync(file, 'not a key')
    await expect(parseSsh(`default=${file}`, nothing, signal)).rejects.toMatchObject({ code: 'SECRET_MISSING' })
  })
})
