import type { Emit } from '../base/events.ts'
import { messageOf } from '../base/errors.ts'
import { sha256 } from '../oci/digest.ts'

/** Shows work of the build itself as a step: `exporting to image`. Transfers that `job` emits belong to the step. */
export async function shownStep<T>(emit: Emit, name: string, job: (emit: Emit) => Promise<T>): Promise<T> {
  const face = { kind: 'vertex', id: sha256(`step ${name}`), name } as const
  emit({ ...face, state: 'running', at: Date.now() })
  try {
    const result = await job(withParent(emit, face.id))
    emit({ ...face, state: 'done', at: Date.now() })
    return result
  } catch (error) {
    emit({ ...face, state: 'failed', at: Date.now(), error: messageOf(error) })
    throw error
  }
}

/** The same for what happens before the first instruction: `[internal] load build definition`. */
export function internalStep<T>(emit: Emit, name: string, job: (emit: Emit) => Promise<T>): Promise<T> {
  return shownStep(emit, `[internal] ${name}`, job)
}

/** Lets transfers belong to the step `id`, whoever started them. */
export function withParent(emit: Emit, id: string): Emit {
  return (event) => emit(event.kind === 'transfer' ? { ...event, parent: id } : event)
}
