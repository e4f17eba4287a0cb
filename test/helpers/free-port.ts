import { once } from 'node:events'
import { createServer } from 'node:net'

/** Below the ports that the kernel gives by itself and those of `-p PORT`: nobody takes one between this look and its use. */
const range = { first: 10_000, size: 9000 } as const
/** Processes of tests start at places of their own. */
let next = process.pid * 16

/** A port of every address of this machine that is free, and that no other test gets. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < range.size; tries += 1) {
    const port = range.first + (next++ % range.size)
    if (await isFree(port)) return port
  }
  throw new Error(`no port from ${range.first} on is free`)
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  try {
    server.listen({ host: '0.0.0.0', port, exclusive: true })
    await once(server, 'listening')
    server.close()
    await once(server, 'close')
    return true
  } catch {
    return false
  }
}
