import { invalidFlag } from '../../base/flag-error.ts'

/** What belongs to the IPC namespace, and so may be set for one container. */
const ipcNames = [
  'kernel.msgmax',
  'kernel.msgmnb',
  'kernel.msgmni',
  'kernel.sem',
  'kernel.shmall',
  'kernel.shmmax',
  'kernel.shmmni',
  'kernel.shm_rmid_forced',
]

/** Parses `--sysctl NAME=VALUE`. Only parameters that a namespace has of its own are allowed. USAGE. */
export function parseSysctl(
  text: string,
  shared: { readonly network: boolean; readonly ipc: boolean },
): readonly [string, string] {
  const at = text.indexOf('=')
  if (at < 1) throw invalidFlag('--sysctl', text, 'expected NAME=VALUE')
  const [name, value] = [text.slice(0, at), text.slice(at + 1)]
  if (name.startsWith('net.')) {
    if (shared.network)
      throw invalidFlag('--sysctl', text, `"${name}" would change the host: the container shares its network`)
    return [name, value]
  }
  if (ipcNames.includes(name) || name.startsWith('fs.mqueue.')) {
    if (shared.ipc)
      throw invalidFlag('--sysctl', text, `"${name}" would change the host: the container shares its IPC namespace`)
    return [name, value]
  }
  throw invalidFlag(
    '--sysctl',
    text,
    `"${name}" is not of a namespace, so it cannot be set for one container`,
    'Allowed: net.*, fs.mqueue.*, kernel.msg*, kernel.sem, kernel.shm*',
  )
}
