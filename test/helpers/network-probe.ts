/**
 * A program that tests start inside a network namespace:
 *   serve tcp|udp|dns|echo ADDRESS PORT  answers each client with "SOURCE DESTINATION"; dns: every A question with 10.9.8.7; echo: what it says.
 *                                        Prints "ready"
 *   ask tcp|udp ADDRESS PORT MS       prints the answer, or the errno; ETIMEDOUT after so many milliseconds without one
 *   resolve TYPE NAME SERVER          prints the records as JSON, or the code
 */
import { createSocket } from 'node:dgram'
import { Resolver } from 'node:dns/promises'
import { createServer, connect } from 'node:net'

const [command, ...args] = process.argv.slice(2)

function serve([kind, address, port]: readonly string[]): void {
  const host = address ?? ''
  if (kind === 'tcp' || kind === 'echo') {
    const server = createServer((socket) => {
      socket.on('error', () => undefined)
      if (kind === 'echo') socket.pipe(socket)
      else
        socket.end(`${socket.remoteAddress?.replace('::ffff:', '')} ${socket.localAddress?.replace('::ffff:', '')}\n`)
    })
    server.listen({ host, port: Number(port) }, () => console.log('ready'))
    return
  }
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4')
  socket.on('message', (message, { address: source, port: to }) => {
    socket.send(kind === 'dns' ? dnsAnswer(message) : Buffer.from(`${source}\n`), to, source)
  })
  socket.bind({ address: host, port: Number(port) }, () => console.log('ready'))
}

/** The question with one A record behind it. */
function dnsAnswer(query: Buffer): Buffer {
  const header = Buffer.from(query.subarray(0, 12))
  header.writeUInt16BE(0x8180, 2)
  header.writeUInt16BE(1, 6)
  header.writeUInt32BE(0, 8)
  let end = 12
  while (query[end] !== 0) end += (query[end] ?? 0) + 1
  const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 10, 9, 8, 7])
  return Buffer.concat([header, query.subarray(12, end + 5), record])
}

function ask([kind, host, port, ms]: readonly string[]): void {
  const give = (text: string): void => {
    console.log(text.trim())
    process.exit()
  }
  setTimeout(() => give('ETIMEDOUT'), Number(ms))
  if (kind === 'tcp') {
    let text = ''
    const socket = connect({ host: host ?? '', port: Number(port) })
    socket.on('data', (chunk) => (text += chunk.toString()))
    socket.on('end', () => give(text === '' ? 'EMPTY' : text))
    socket.on('error', (error: NodeJS.ErrnoException) => give(error.code ?? 'ERROR'))
    return
  }
  const socket = createSocket((host ?? '').includes(':') ? 'udp6' : 'udp4')
  socket.on('message', (message) => give(message.toString()))
  socket.on('error', (error: NodeJS.ErrnoException) => give(error.code ?? 'ERROR'))
  socket.connect(Number(port), host, () => socket.send('?'))
}

async function resolve([type, name, server]: readonly string[]): Promise<void> {
  const resolver = new Resolver({ timeout: 10_000, tries: 2 })
  resolver.setServers([server ?? ''])
  try {
    const answer = type === 'PTR' ? await resolver.reverse(name ?? '') : await resolver.resolve(name ?? '', type as 'A')
    console.log(JSON.stringify(answer.toSorted()))
  } catch (error) {
    console.log((error as NodeJS.ErrnoException).code)
  }
}

if (command === 'serve') serve(args)
else if (command === 'ask') ask(args)
else await resolve(args)
