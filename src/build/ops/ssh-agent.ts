import type { AgentConnector } from './ssh-agents.ts'
import type { SshKey } from './ssh-key.ts'
import { SshReader, sshString } from './ssh-wire.ts'

/** Message numbers of the SSH agent protocol (draft-ietf-sshm-ssh-agent). */
const message = { failure: 5, requestIdentities: 11, identities: 12, signRequest: 13, signature: 14 } as const

/** As OpenSSH's agent: more than a key needs, less than a memory. */
const maxMessage = 256 * 1024

/** An agent that lists the keys and signs with them, and does nothing else. */
export function keyAgent(keys: readonly SshKey[]): AgentConnector {
  return (client) => {
    let pending = Buffer.alloc(0)
    client.on('data', (chunk) => {
      pending = Buffer.concat([pending, chunk])
      while (pending.length >= 4) {
        const length = pending.readUInt32BE(0)
        if (length === 0 || length > maxMessage) {
          client.destroy()
          return
        }
        if (pending.length < 4 + length) return
        const request = pending.subarray(4, 4 + length)
        pending = pending.subarray(4 + length)
        client.write(sshString(answer(keys, request)))
      }
    })
    client.on('end', () => client.end())
  }
}

function answer(keys: readonly SshKey[], request: Buffer): Buffer {
  try {
    switch (request[0]) {
      case message.requestIdentities:
        return listing(keys)
      case message.signRequest: {
        const reader = new SshReader(request.subarray(1))
        const blob = reader.string()
        const data = reader.string()
        const key = keys.find(({ publicBlob }) => publicBlob.equals(blob))
        if (key === undefined) return Buffer.of(message.failure)
        return Buffer.concat([Buffer.of(message.signature), sshString(key.sign(data, reader.uint32()))])
      }
      default:
        return Buffer.of(message.failure)
    }
  } catch (error) {
    // What a client sends is its own affair; a malformed request gets the protocol's answer.
    if (error instanceof RangeError) return Buffer.of(message.failure)
    throw error
  }
}

function listing(keys: readonly SshKey[]): Buffer {
  const count = Buffer.alloc(4)
  count.writeUInt32BE(keys.length)
  return Buffer.concat([
    Buffer.of(message.identities),
    count,
    ...keys.flatMap(({ publicBlob, comment }) => [sshString(publicBlob), sshString(comment)]),
  ])
}
