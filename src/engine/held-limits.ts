import type { Emit } from '../base/events.ts'
import { delegatedCgroup } from '../host/delegated-cgroup.ts'
import type { DelegatedCgroup } from '../host/delegated-cgroup.ts'
import { probeHost } from '../host/probe.ts'
import { hasLimits, possibleLimits } from '../runtime/possible-limits.ts'
import type { Limits } from '../runtime/resources.ts'
import type { Engine } from './engine.ts'

/** The limits that this machine and user can hold; a warning names what is left out. Looks only when there are some. */
export async function heldLimits(
  { native, settings }: Pick<Engine, 'native' | 'settings'>,
  limits: Limits,
  { emit, signal }: { readonly emit: Emit; readonly signal: AbortSignal },
): Promise<Limits> {
  if (!hasLimits(limits)) return limits
  const delegated = settings.rootless ? delegatedCgroup() : undefined
  const controllers = settings.rootless
    ? (delegated?.controllers ?? [])
    : (await probeHost(native, signal)).cgroup.controllers
  const held = possibleLimits(limits, controllers)
  const why = settings.rootless ? reason(delegated) : 'not available here'
  for (const controller of held.missing) {
    emit({
      kind: 'notice',
      level: 'warning',
      text: `The cgroup controller "${controller}" is ${why}: its limits are discarded`,
      hint: '"tsbuild doctor" tells how to get it',
    })
  }
  return held.limits
}

function reason(delegated: DelegatedCgroup | undefined): string {
  if (delegated === undefined) return 'not delegated to this user'
  if (delegated.crowded) return `not delegated below "${delegated.path}", in which processes live`
  return `not delegated with "${delegated.path}"`
}
