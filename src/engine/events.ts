import { setTimeout as delay } from 'node:timers/promises'
import { TsbuildError } from '../base/errors.ts'
import { recordTransitions } from '../container/container-events.ts'
import { hasLabel } from '../container/container-filter.ts'
import { eventLog } from '../store/event-log.ts'
import type { LoggedEvent } from '../store/event-log.ts'
import type { Engine, VerbContext } from './engine.ts'

export interface EventsRequest {
  readonly filters: readonly string[]
  /** Absent: only what happens from now on. */
  readonly since?: Date
  /** Ends there; absent: goes on until the signal fires. */
  readonly until?: Date
}

/** How often the log is looked at. */
const pollMs = 100

/** What happens in the store, by whatever process. USAGE for an unknown filter. */
export async function* events(
  engine: Engine,
  request: EventsRequest,
  context: VerbContext,
): AsyncGenerator<LoggedEvent> {
  const filter = compileFilter(request.filters)
  const { since, until } = request
  const log = eventLog(engine.store.db)
  await observe(engine)
  let last = since === undefined ? log.last() : 0
  for (;;) {
    // What a monitor did by itself is written down when somebody looks: later than it happened.
    for (const event of log.after(last).toSorted((a, b) => a.at - b.at || a.id - b.id)) {
      last = Math.max(last, event.id)
      const inRange =
        (since === undefined || event.at >= since.getTime()) && (until === undefined || event.at <= until.getTime())
      if (inRange && filter(event)) yield event
    }
    if (until !== undefined && Date.now() >= until.getTime()) return
    await delay(pollMs, undefined, { signal: context.signal })
    await observe(engine)
  }
}

async function observe({ containers }: Engine): Promise<void> {
  for (const container of containers.records.list()) await recordTransitions(containers, container)
}

const keys = ['container', 'daemon', 'event', 'image', 'label', 'network', 'scope', 'type', 'volume']

/** Values of one key are alternatives (all must hold for `label`), different keys must all hold. */
function compileFilter(words: readonly string[]): (event: LoggedEvent) => boolean {
  const byKey = new Map<string, string[]>()
  for (const word of words) {
    const at = word.indexOf('=')
    const [key, value] = [word.slice(0, Math.max(at, 0)), word.slice(at + 1)]
    if (!keys.includes(key))
      throw new TsbuildError('USAGE', `invalid filter '${word}'`, { hint: `Filters: ${keys.join(', ')}` })
    byKey.set(key, [...(byKey.get(key) ?? []), value])
  }
  return (event) =>
    [...byKey].every(([key, values]) => values[key === 'label' ? 'every' : 'some']((value) => fits(event, key, value)))
}

function fits({ type, action, actor, attributes }: LoggedEvent, key: string, value: string): boolean {
  switch (key) {
    case 'type':
      return type === value
    case 'event':
      return action === value || action.startsWith(`${value}:`)
    case 'label':
      return hasLabel(attributes, value)
    case 'image':
      return type === 'image' ? actor === value || attributes['name'] === value : attributes['image'] === value
    case 'container':
    case 'network':
    case 'volume':
      return (type === key && (actor.startsWith(value) || attributes['name'] === value)) || attributes[key] === value
    default:
      return key === 'scope' ? value === 'local' : true
  }
}
