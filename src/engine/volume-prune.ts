import { hasCode } from '../base/errors.ts'
import { hasLabel } from '../container/container-filter.ts'
import type { Engine } from './engine.ts'

export interface PruneResult {
  readonly removed: readonly string[]
  readonly bytes: number
}

/** Removes volumes that no container uses: anonymous ones, with `all` named ones too. `labels` must all hold (`KEY[=VALUE]`, `!` in front negates). */
export async function volumePrune(
  engine: Engine,
  request: { readonly all: boolean; readonly labels: readonly string[] },
): Promise<PruneResult> {
  const { records } = engine.volumes
  const unused = records
    .list()
    .filter((volume) => (request.all || volume.anonymous) && records.usersOf(volume.name).length === 0)
    .filter(({ labels }) =>
      request.labels.every((word) =>
        word.startsWith('!') ? !hasLabel(labels, word.slice(1)) : hasLabel(labels, word),
      ),
    )
    .map(({ name }) => name)
  if (unused.length === 0) return { removed: [], bytes: 0 }
  const { bytes } = (await engine.native.call('usage', { paths: unused.map(engine.volumes.mountpoint) })) as {
    readonly bytes?: readonly number[]
  }
  const removed: string[] = []
  let total = 0
  for (const [index, name] of unused.entries()) {
    try {
      await engine.volumes.remove(name)
      removed.push(name)
      total += bytes?.[index] ?? 0
    } catch (error) {
      // A container took it, or another prune was faster.
      if (!hasCode(error, 'VOLUME_IN_USE', 'VOLUME_NOT_FOUND')) throw error
    }
  }
  return { removed, bytes: total }
}
