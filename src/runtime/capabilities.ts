import { invalidFlag } from '../base/flag-error.ts'

/** Every capability of Linux 5.9 and later, in the order of their numbers. */
const all =
  `CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST
  NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE
  SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND
  AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE`
    .split(/\s+/)
    .map((name) => `CAP_${name}`)

/** What a container has without any flag: docker's set. */
const byDefault: ReadonlySet<string> = new Set(
  `CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE`
    .split(' ')
    .map((name) => `CAP_${name}`),
)

export interface CapabilityChoice {
  readonly privileged?: boolean
  /** Names with or without `CAP_`, in any case; `ALL` is every capability. */
  readonly add?: readonly string[]
  readonly drop?: readonly string[]
}

/**
 * The capabilities of a container, by docker's rules: `ALL` in add starts from all and takes away what drop names; `ALL` in drop
 * starts from none and adds what add names; else default − drop + add. USAGE for an unknown name.
 */
export function capabilitySet(choice: CapabilityChoice): readonly string[] {
  if (choice.privileged === true) return all
  const add = names(choice.add ?? [], '--cap-add')
  const drop = names(choice.drop ?? [], '--cap-drop')
  const isIn = (name: string): boolean => {
    if (add.has('ALL')) return !drop.has(name)
    if (drop.has('ALL')) return add.has(name)
    return add.has(name) || (byDefault.has(name) && !drop.has(name))
  }
  return all.filter(isIn)
}

function names(given: readonly string[], flag: string): ReadonlySet<string> {
  return new Set(given.map((word) => canonical(word, flag)))
}

function canonical(word: string, flag: string): string {
  const upper = word.trim().toUpperCase()
  if (upper === 'ALL' || upper === 'CAP_ALL') return 'ALL'
  const name = upper.startsWith('CAP_') ? upper : `CAP_${upper}`
  if (all.includes(name)) return name
  const hint =
    'Capabilities are named as in capabilities(7), for example NET_ADMIN or CAP_NET_ADMIN; ALL means every one'
  throw invalidFlag(flag, word, 'unknown capability', hint)
}
