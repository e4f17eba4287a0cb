import { randomBytes } from 'node:crypto'
import { chmod, chown, mkdir, rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { TsbuildError } from '../../base/errors.ts'
import type { FileOwner } from './secrets.ts'

/** Agents of one build by id (`--ssh`). */
export interface SshAgents {
  /** A socket that leads to the agent; undefined when none was given. SECRET_MISSING when it is required. */
  open(id: string, options: FileOwner & { readonly required: boolean }): Promise<AgentSocket | undefined>
}

export interface AgentSocket extends AsyncDisposable {
  readonly path: string
}

/** Answers one connection of an SSH agent's client. */
export type AgentConnector = (client: Socket) => void

export interface SshAgentsOptions {
  readonly agents: ReadonlyMap<string, AgentConnector>
  /** Folder of this build below the run root. */
  readonly directory: string
}

export function createSshAgents({ agents, directory }: SshAgentsOptions): SshAgents {
  return {
    async open(id, { required, uid, gid, mode }) {
      const connector = agents.get(id)
      if (connector === undefined) {
        if (!required) return undefined
        const flag = id === 'default' ? '--ssh default' : `--ssh ${id}=KEY`
        throw new TsbuildError('SECRET_MISSING', `The step needs the SSH agent "${id}", which was not given`, {
          hint: `Pass it with ${flag}`,
          details: { agent: id },
        })
      }
      await mkdir(directory, { recursive: true, mode: 0o700 })
      const path = join(directory, `ssh-${randomBytes(8).toString('hex')}`)
      const clients = new Set<Socket>()
      const server = createServer((client) => {
        clients.add(client)
        client.once('close', () => clients.delete(client))
        client.on('error', () => client.destroy())
        connector(client)
      })
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      server.once('error', reject)
      server.listen(path, resolve)
      await promise
      if (uid !== 0 || gid !== 0) await chown(path, uid, gid)
      await chmod(path, mode)
      return {
        path,
        async [Symbol.asyncDispose]() {
          for (const client of clients) client.destroy()
          const closed = Promise.withResolvers<void>()
          server.close(() => closed.resolve())
          await closed.promise
          await rm(path, { force: true })
        },
      }
    },
  }
}

/** Hands connections on to a running agent. */
export function forwardTo(socketPath: string): AgentConnector {
  return (client) => {
    const agent = connect(socketPath)
    agent.on('error', () => client.destroy())
    client.once('close', () => agent.destroy())
    client.pipe(agent)
    agent.pipe(client)
  }
}
