import type { Emit } from '../base/events.ts'
import { probeHost } from '../host/probe.ts'
import type { NativeCore } from '../host/native.ts'
import { hasLimits, possibleLimits } from '../runtime/possible-limits.ts'
import type { Limits } from '../runtime/resources.ts'

/** The limits that this machine and user can hold; a warning names what is left out. Looks only when there are some. */
export async function heldLimits(
  native: NativeCore,
  limits: Limits,
  { emit, signal }: { readonly emit: Emit; readonly signal: AbortSignal },
): Promise<Limits> {
  if (!hasLimits(limits)) return limits
  const { cgroup } = await probeHost(native, signal)
  const held = possibleLimits(limits, cgroup.controllers)
  for (const controller of held.missing) {
    emit({
      kind: 'notice',
      level: 'warning',
      text: `The cgroup controller "${controller}" is not available here: its limits are discarded`,
      hint: '"tsbuild doctor" tells how to get it',
    })
  }
  return held.limits
}
