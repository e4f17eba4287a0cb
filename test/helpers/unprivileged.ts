import { chmodSync, writeFileSync } from 'node:fs'
import { execFileSync, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { openCli, projectHome, type Cli, type CliSetup } from './tsbuild.ts'

export interface Unprivileged {
  /** Ranges of /etc/subuid and /etc/subgid: newuidmap maps them. Without them there is a single id. */
  readonly hasSubIds: boolean
  /** PATH of the user. */
  readonly path?: string
  /** Done as root in the mount namespace of the command before the user's rights are taken. */
  readonly prepare?: string
}

export const userId = 54_321
const id = userId
/** Words before a program that make it that user's. */
export const asUser: readonly string[] = ['setpriv', `--reuid=${id}`, `--regid=${id}`, '--clear-groups']

/** Why an unprivileged user cannot be played here, or false. */
export const noUsers: string | false = reason()
if (noUsers !== false) console.warn(`skipped: ${noUsers}`)

function reason(): string | false {
  if (process.getuid?.() !== 0) return 'only root can become another user'
  const works = (...command: string[]) => spawnSync(asUser[0]!, [...asUser.slice(1), ...command]).status === 0
  if (!works('unshare', '-U', 'true')) return 'unprivileged users may not make user namespaces here'
  if (!works('test', '-r', join(projectHome, 'package.json'))) return 'other users cannot read the project'
  return false
}

/** True where newuidmap and newgidmap are installed. */
export const hasSubIdTools: boolean = ['newuidmap', 'newgidmap'].every(
  (name) => spawnSync('sh', ['-c', `command -v ${name}`]).status === 0,
)
if (!hasSubIdTools) console.warn('skipped: newuidmap (package uidmap) is not installed')

/**
 * The command line as a user without any right has it: a home of its own, no XDG_RUNTIME_DIR, /dev/net/tun for everybody, as distributions have it. Its
 * /etc/passwd and sub ids are seen by its own commands only.
 */
export function openUnprivilegedCli(user: Unprivileged, setup: CliSetup = {}): Cli {
  const cli = openCli({ ...setup, program: wrapper(user, setup) })
  chmodSync(cli.folder, 0o755)
  execFileSync('chown', ['-R', `${id}:${id}`, cli.folder])
  return cli
}

function wrapper(user: Unprivileged, { program = join(projectHome, 'bin/tsbuild') }: CliSetup): string {
  const place = execFileSync('mktemp', ['-d', '--tmpdir', 'tsbuild-user-XXXXXX'], { encoding: 'utf8' }).trim()
  process.once('exit', () => spawnSync('rm', ['-rf', place]))
  chmodSync(place, 0o755)
  const range = user.hasSubIds ? `tester:300000:65536\n` : ''
  writeFileSync(join(place, 'subuid'), range)
  writeFileSync(join(place, 'subgid'), range)
  writeFileSync(join(place, 'passwd'), `root:x:0:0::/:/bin/sh\ntester:x:${id}:${id}::/:/bin/sh\n`)
  const script = join(place, 'tsbuild')
  writeFileSync(
    script,
    `#!/bin/sh
exec unshare -m sh -c '
  set -e
  cd ${place}
  for name in passwd subuid subgid; do [ -e /etc/$name ] || : > /etc/$name; mount --bind $name /etc/$name; done
  mkdir -p /dev/net
  mount -t tmpfs tmpfs /dev/net
  mknod -m 666 /dev/net/tun c 10 200
  ${user.prepare ?? ''}
  cd "$OLDPWD"
  exec setpriv --reuid=${id} --regid=${id} --clear-groups -- ${user.path === undefined ? '' : `env PATH=${user.path}`} "$@"
' sh ${program} "$@"
`,
    { mode: 0o755 },
  )
  return script
}
