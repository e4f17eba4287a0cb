import { eventLog } from '../store/event-log.ts'
import type { Containers } from './containers.ts'
import type { Container } from './container-records.ts'
import { readState } from './container-state.ts'
import type { ContainerState, Transition } from './container-state.ts'

/** Records what a command did to a container; `at` in milliseconds, absent: now. */
export function recordEvent(
  containers: Containers,
  container: Container,
  action: string,
  attributes: Readonly<Record<string, string>> = {},
  at?: number,
): void {
  eventLog(containers.store.db).record({
    type: 'container',
    action,
    actor: container.id,
    attributes: { ...attributesOf(container), ...attributes },
    ...(at === undefined ? {} : { at }),
  })
}

function attributesOf({ name, spec }: Container): Readonly<Record<string, string>> {
  return { ...spec.labels, image: spec.image.name, name }
}

/**
 * Records what a monitor did by itself since the last look: starts, ends, restarts and changes of health. A monitor cannot write to the
 * database, so whoever looks tells the others; the times are those of the state file.
 */
export async function recordTransitions(containers: Containers, container: Container): Promise<void> {
  const { db } = containers.store
  const transitions = transitionsOf(readState(containers.directory(container.id)))
  const last = transitions.at(-1)
  if (last === undefined) return
  const text = JSON.stringify({ upTo: padded(last.at) })
  const log = eventLog(db)
  const told = (): { readonly seen: string | null } | undefined =>
    db.get('SELECT seen FROM containers WHERE id = ?', container.id)
  // Most looks see nothing new, and are no writers.
  if (told()?.seen === text) return
  db.transaction(() => {
    const row = told()
    if (row === undefined || row.seen === text) return
    const before = toldUpTo(row.seen)
    let started: string | null = null
    for (const one of transitions) {
      if (one.action === 'start') started = one.at
      if (padded(one.at) <= before) continue
      log.record({
        type: 'container',
        action: one.action === 'health_status' ? `health_status: ${one.health}` : one.action,
        actor: container.id,
        attributes: {
          ...attributesOf(container),
          ...(one.action === 'die' ? { exitCode: String(one.exitCode), execDuration: duration(started, one.at) } : {}),
        },
        at: Date.parse(one.at),
      })
    }
    db.run('UPDATE containers SET seen = ? WHERE id = ?', text, container.id)
  })
}

/** The monitor's own list; what it does not have, such as the end of a monitor that was killed, is in the state beside it. */
function transitionsOf({ recent, startedAt, finishedAt, exitCode }: ContainerState): readonly Transition[] {
  const has = (action: string, at: string): boolean => recent.some((one) => one.action === action && one.at === at)
  return [
    ...(startedAt !== null && !has('start', startedAt) ? [{ action: 'start', at: startedAt } as const] : []),
    ...recent,
    ...(finishedAt !== null && !has('die', finishedAt) ? [{ action: 'die', at: finishedAt, exitCode } as const] : []),
  ]
}

/** Up to when this was told, by this release (`upTo`) or one before it. */
function toldUpTo(seen: string | null): string {
  if (seen === null) return ''
  const { upTo, startedAt, finishedAt } = JSON.parse(seen) as Readonly<Record<string, string | null | undefined>>
  return (
    [upTo, startedAt, finishedAt]
      .map((at) => (typeof at === 'string' ? padded(at) : ''))
      .toSorted()
      .at(-1) ?? ''
  )
}

/** Times as text in their order: all with nine digits. */
function padded(at: string): string {
  const [whole = '', fraction = ''] = at.replace(/Z$/, '').split('.')
  return `${whole}.${fraction.padEnd(9, '0')}Z`
}

/** Seconds that the process ran. */
function duration(startedAt: string | null, finishedAt: string): string {
  if (startedAt === null) return '0'
  return String(Math.max(0, Math.round((Date.parse(finishedAt) - Date.parse(startedAt)) / 1000)))
}
