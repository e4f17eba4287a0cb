import { setTimeout as delay } from 'node:timers/promises'
import { hasCode } from '../base/errors.ts'

/** With more tries than that another network comes and goes faster than ours is made. */
const tries = 4
/** Others of our network that fail at the same moment have to let go of it before it can move. */
const pause = 50

/**
 * Does what makes its network anew at each try: another network of the host can appear where ours was to be between the choice of a subnet
 * and its use. Unless the subnet was named, another does as well. SUBNET_TAKEN when it stays taken.
 */
export async function onFreeSubnet<T>(attempt: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let left = tries - 1; ; left--) {
    try {
      return await attempt()
    } catch (error) {
      if (left === 0 || !hasCode(error, 'SUBNET_TAKEN')) throw error
      await delay(pause * (0.5 + Math.random()), undefined, { signal })
    }
  }
}
