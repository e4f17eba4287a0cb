import { eventLog } from '../store/event-log.ts'
import type { Containers } from './containers.ts'
import type { Container } from './container-records.ts'
import { readState } from './container-state.ts'
import type { ContainerState } from './container-state.ts'

/** Records what a command did to a container. */
export function recordEvent(
  containers: Containers,
  container: Container,
  action: string,
  attributes: Readonly<Record<string, string>> = {},
): void {
  eventLog(containers.store.db).record({
    type: 'container',
    action,
    actor: container.id,
    attributes: { ...attributesOf(container), ...attributes },
  })
}

function attributesOf({ name, spec }: Container): Readonly<Record<string, string>> {
  return { ...spec.labels, image: spec.image.name, name }
}

/** What of a state was told already. */
type Seen = Pick<ContainerState, 'startedAt' | 'finishedAt' | 'oomKilled'> & { readonly health: string | null }

/**
 * Records what a monitor did by itself since the last look: starts, ends, restarts and changes of health. A monitor cannot write to the
 * database, so whoever looks tells the others; the times are those of the state file.
 */
export async function recordTransitions(containers: Containers, container: Container): Promise<void> {
  const { db } = containers.store
  const state = readState(containers.directory(container.id))
  const now: Seen = {
    startedAt: state.startedAt,
    finishedAt: state.finishedAt,
    oomKilled: state.oomKilled,
    health: state.health?.status ?? null,
  }
  const text = JSON.stringify(now)
  const log = eventLog(db)
  const tell = (action: string, at: string | null, attributes: Readonly<Record<string, string>> = {}): void =>
    log.record({
      type: 'container',
      action,
      actor: container.id,
      attributes: { ...attributesOf(container), ...attributes },
      ...(at === null ? {} : { at: Date.parse(at) }),
    })
  db.transaction(() => {
    const row = db.get<{ seen: string | null }>('SELECT seen FROM containers WHERE id = ?', container.id)
    if (row === undefined || row.seen === text) return
    const before: Seen =
      row.seen === null
        ? { startedAt: null, finishedAt: null, oomKilled: false, health: null }
        : (JSON.parse(row.seen) as Seen)
    if (now.startedAt !== before.startedAt && now.startedAt !== null) tell('start', now.startedAt)
    if (now.oomKilled && !before.oomKilled) tell('oom', now.finishedAt)
    if (now.finishedAt !== before.finishedAt && now.finishedAt !== null) {
      tell('die', now.finishedAt, { exitCode: String(state.exitCode), execDuration: duration(state) })
    }
    if (now.health !== before.health && now.health !== null && now.health !== 'starting')
      tell(`health_status: ${now.health}`, null)
    db.run('UPDATE containers SET seen = ? WHERE id = ?', text, container.id)
  })
}

/** Seconds that the process ran. */
function duration({ startedAt, finishedAt }: ContainerState): string {
  if (startedAt === null || finishedAt === null) return '0'
  return String(Math.max(0, Math.round((Date.parse(finishedAt) - Date.parse(startedAt)) / 1000)))
}
