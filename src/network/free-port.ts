import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { TsbuildError, hasErrno } from '../base/errors.ts'
import type { PortProtocol } from './network-plan.ts'

/** docker gives random ports out of the range that it shares with outgoing connections; ours lies below, where those do not meet it. */
const randomRange = { first: 20_000, last: 32_767 } as const

/** A port of the host that is free at the moment: any, or one of a range. PORT_TAKEN when the range has none. */
export async function freePort(
  proto: PortProtocol,
  hostIp: string,
  range: { readonly first: number; readonly last: number } = randomRange,
  random: () => number = Math.random,
): Promise<number> {
  const size = range.last - range.first + 1
  const start = range === randomRange ? Math.floor(random() * size) : 0
  for (let step = 0; step < size; step += 1) {
    const port = range.first + ((start + step) % size)
    if (await isFree(proto, hostIp, port)) return port
  }
  throw new TsbuildError(
    'PORT_TAKEN',
    `No port from ${range.first} to ${range.last} is free on ${hostIp || 'this machine'}`,
    {
      hint: 'Name another port or range',
    },
  )
}

/** Of SCTP nothing is known here: a number that TCP has free is as good as any. */
async function isFree(proto: PortProtocol, hostIp: string, port: number): Promise<boolean> {
  const address = hostIp === '' ? '0.0.0.0' : hostIp
  try {
    if (proto !== 'udp') {
      const server = createServer()
      server.listen({ host: address, port, exclusive: true })
      await once(server, 'listening')
      server.close()
      await once(server, 'close')
    } else {
      const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
      socket.bind({ address, port, exclusive: true })
      await once(socket, 'listening')
      socket.close()
      await once(socket, 'close')
    }
    return true
  } catch (error) {
    if (hasErrno(error, 'EADDRINUSE', 'EACCES')) return false
    throw error
  }
}
