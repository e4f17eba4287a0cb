import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { hasErrno } from '../../base/errors.ts'
import { readUserFile } from '../../base/user-file.ts'
import { keyAgent } from '../ops/ssh-agent.ts'
import { forwardTo } from '../ops/ssh-agents.ts'
import type { AgentConnector } from '../ops/ssh-agents.ts'
import { readSshKey } from '../ops/ssh-key.ts'
import { invalidFlag } from '../../base/flag-error.ts'
import type { OptionPlace } from './secret-option.ts'

/** `--ssh ID[=SOCKET|KEY[,KEY…]]`: without a value the caller's agent. USAGE, SECRET_MISSING for a key that cannot be used. */
export async function parseSsh(
  text: string,
  { cwd, env }: OptionPlace,
  signal: AbortSignal,
): Promise<readonly [string, AgentConnector]> {
  const at = text.indexOf('=')
  const id = at < 0 ? text : text.slice(0, at)
  if (id === '') throw invalidFlag('--ssh', text, 'it has no id', 'Write --ssh default or --ssh ID=KEY')
  const paths =
    at < 0
      ? []
      : text
          .slice(at + 1)
          .split(',')
          .filter((path) => path !== '')
  if (paths.length === 0) {
    const socket = env('SSH_AUTH_SOCK')
    if (socket === undefined || socket === '') {
      throw invalidFlag(
        '--ssh',
        text,
        'no agent is running: SSH_AUTH_SOCK is not set',
        `Start ssh-agent, or pass --ssh ${id}=KEY`,
      )
    }
    return [id, forwardTo(socket)]
  }
  const places = paths.map((path) => resolve(cwd, path))
  const sockets = places.filter((path) => isSocket(text, path))
  const [socket] = sockets
  if (socket === undefined) {
    const texts = await Promise.all(places.map((path) => readUserFile(path, signal)))
    return [id, keyAgent(texts.map((text, at) => readSshKey(text.toString(), places[at] ?? '')))]
  }
  if (places.length > 1) throw invalidFlag('--ssh', text, 'an agent cannot be joined with keys or another agent')
  return [id, forwardTo(socket)]
}

function isSocket(text: string, path: string): boolean {
  try {
    return statSync(path).isSocket()
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'EACCES', 'ENOTDIR'))
      throw invalidFlag('--ssh', text, `"${path}" cannot be read: ${error.message}`)
    throw error
  }
}
