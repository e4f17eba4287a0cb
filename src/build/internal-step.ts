import type { Emit } from '../base/events.ts'
import { messageOf } from '../base/errors.ts'
import { sha256 } from '../oci/digest.ts'

/** Shows work of the build itself as a step: `[internal] load build definition`. Transfers that `job` emits belong to the step. */
export async function internalStep<T>(emit: Emit, name: string, job: (emit: Emit) => Promise<T>): Promise<T> {
  const face = { kind: 'vertex', id: sha256(`internal ${name}`), name: `[internal] ${name}` } as const
  emit({ ...face, state: 'running', at: Date.now() })
  try {
    const result = await job((event) => emit(event.kind === 'transfer' ? { ...event, parent: face.id } : event))
    emit({ ...face, state: 'done', at: Date.now() })
    return result
  } catch (error) {
    emit({ ...face, state: 'failed', at: Date.now(), error: messageOf(error) })
    throw error
  }
}
