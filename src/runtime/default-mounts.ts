import type { OciMount } from './runtime-spec.ts'

/** The file systems of every container, in docker's order and with its options; later mounts of a caller may hide them. */
export function defaultMounts(options: {
  readonly shmSize: number
  readonly writableSystem: boolean
  readonly ipc: 'own' | 'none' | 'shared'
  /** Group of terminals; absent where the user namespace has no such group. */
  readonly ttyGroup: number | undefined
}): readonly OciMount[] {
  const access = options.writableSystem ? 'rw' : 'ro'
  const mounts: OciMount[] = [
    mount('/proc', 'proc', 'proc', ['nosuid', 'noexec', 'nodev']),
    mount('/dev', 'tmpfs', 'tmpfs', ['nosuid', 'strictatime', 'mode=755', 'size=65536k']),
    mount('/dev/pts', 'devpts', 'devpts', [
      ...terminalOptions,
      ...(options.ttyGroup === undefined ? [] : [`gid=${options.ttyGroup}`]),
    ]),
    mount('/sys', 'sysfs', 'sysfs', ['nosuid', 'noexec', 'nodev', access]),
    mount('/sys/fs/cgroup', 'cgroup', 'cgroup', ['nosuid', 'noexec', 'nodev', 'relatime', access]),
    mount('/dev/mqueue', 'mqueue', 'mqueue', ['nosuid', 'noexec', 'nodev']),
  ]
  if (options.ipc === 'own') {
    mounts.push(
      mount('/dev/shm', 'tmpfs', 'shm', ['nosuid', 'noexec', 'nodev', 'mode=1777', `size=${options.shmSize}`]),
    )
  }
  return mounts
}

const terminalOptions = ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620'] as const

/** Bytes of /dev/shm where nobody asks for another size. */
export const defaultShmSize: number = 64 * 1024 * 1024

/** What an unprivileged container must not read: kernel memory, keys, firmware, side channels (interrupts, power and thermal counters). */
export const maskedPaths: readonly string[] = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/sys/devices/virtual/powercap',
  '/sys/firmware',
]

/** What an unprivileged container must not change. */
export const readonlyPaths: readonly string[] = [
  '/proc/bus',
  '/proc/fs',
  '/proc/irq',
  '/proc/sys',
  '/proc/sysrq-trigger',
]

function mount(destination: string, type: string, source: string, options: readonly string[]): OciMount {
  return { destination, type, source, options }
}
