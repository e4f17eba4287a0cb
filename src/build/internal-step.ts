import type { Emit } from '../base/events.ts'
import { messageOf } from '../base/errors.ts'
import { sha256 } from '../oci/digest.ts'

/** Shows work of the build itself as a step: `[internal] load build definition`. */
export async function internalStep<T>(emit: Emit, name: string, job: () => Promise<T>): Promise<T> {
  const face = { kind: 'vertex', id: sha256(`internal ${name}`), name: `[internal] ${name}` } as const
  emit({ ...face, state: 'running', at: Date.now() })
  try {
    const result = await job()
    emit({ ...face, state: 'done', at: Date.now() })
    return result
  } catch (error) {
    emit({ ...face, state: 'failed', at: Date.now(), error: messageOf(error) })
    throw error
  }
}
