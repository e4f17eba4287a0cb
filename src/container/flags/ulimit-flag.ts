import { invalidFlag } from '../../base/flag-error.ts'
import type { OciRlimit } from '../../runtime/runtime-spec.ts'

const names = `core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack`.split(
  ' ',
)

/** RLIM_INFINITY of the kernel, which JSON numbers carry rounded; the core reads -1 as it too. */
const unlimited = -1

/** Parses `--ulimit NAME=SOFT[:HARD]`; -1 is unlimited. USAGE. */
export function parseUlimit(text: string): OciRlimit {
  const match = /^([a-z]+)=(-1|\d+)(?::(-1|\d+))?$/.exec(text)
  if (match === null)
    throw invalidFlag('--ulimit', text, 'expected NAME=SOFT[:HARD]', 'For example --ulimit nofile=1024:4096')
  const [, name = '', soft = '', hard = soft] = match
  if (!names.includes(name))
    throw invalidFlag('--ulimit', text, `invalid ulimit type: ${name}`, `Types: ${names.join(', ')}`)
  const limits = { soft: Number(soft), hard: Number(hard) }
  if (limits.hard !== unlimited && (limits.soft === unlimited || limits.soft > limits.hard)) {
    throw invalidFlag('--ulimit', text, `the soft limit ${soft} is above the hard limit ${hard}`)
  }
  return { type: `RLIMIT_${name.toUpperCase()}`, ...limits }
}
