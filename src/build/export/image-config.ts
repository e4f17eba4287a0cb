import type { Digest } from '../../oci/digest.ts'
import type { HistoryEntry, ImageConfig } from '../../oci/types.ts'
import type { ImageDraft, PlannedHistory } from '../plan/stage-state.ts'

export interface ConfigRequest {
  readonly draft: ImageDraft
  readonly diffIds: readonly Digest[]
  /** When the layer of a step was made first, in milliseconds. */
  readonly createdAt: (step: Digest) => number
  /** SOURCE_DATE_EPOCH in seconds: nothing of ours is newer. */
  readonly epoch?: number
}

/**
 * The config of a built image. Its times come from when the layers were made first, so that a build that finds everything in
 * the cache gives the same image; entries without a layer take the time of the first new layer, as BuildKit does it.
 */
export function finishConfig({ draft, diffIds, createdAt, epoch }: ConfigRequest): ImageConfig {
  const timed = draft.history.map((entry) => withTime(entry, createdAt))
  const ours = timed.findIndex((entry) => entry.created === undefined || isOurs(entry))
  const filled = fillTimes(withAllLayers(timed, diffIds.length))
  const history = filled.map((entry, at) => toEntry(ours >= 0 && at >= ours ? clamped(entry, epoch) : entry))
  const created = history.findLast((entry) => entry.created !== undefined)?.created
  const { platform, author, config } = draft
  return {
    ...platform,
    ...(created === undefined ? {} : { created }),
    ...(author === undefined ? {} : { author }),
    config,
    rootfs: { type: 'layers', diff_ids: diffIds },
    history,
  }
}

function isOurs({ layer }: PlannedHistory): boolean {
  return layer !== undefined
}

function withTime(entry: PlannedHistory, createdAt: (step: Digest) => number): PlannedHistory {
  return entry.layer === undefined ? entry : { ...entry, created: new Date(createdAt(entry.layer)).toISOString() }
}

/** Bases whose history does not know all of their layers get nameless entries for the rest, below ours. */
function withAllLayers(history: readonly PlannedHistory[], layers: number): readonly PlannedHistory[] {
  const missing = layers - history.filter((entry) => entry.empty_layer !== true).length
  if (missing <= 0) return history
  const first = history.findIndex(isOurs)
  const at = first < 0 ? history.length : first
  const entries = Array.from({ length: missing }, () => ({ comment: 'buildkit.exporter.image.v0' }))
  return history.toSpliced(at, 0, ...entries)
}

/** Entries without a time take that of the first new layer, or of the last layer where there is no new one. */
function fillTimes(history: readonly PlannedHistory[]): readonly PlannedHistory[] {
  let current: string | undefined
  let seenUntimed = false
  for (const { created } of history) {
    if (created === undefined) seenUntimed = true
    else {
      current = created
      if (seenUntimed) break
    }
  }
  let filling = false
  return history.map((entry) => {
    if (entry.created !== undefined) {
      if (filling) current = entry.created
      return entry
    }
    filling = true
    return current === undefined ? entry : { ...entry, created: current }
  })
}

function clamped(entry: PlannedHistory, epoch: number | undefined): PlannedHistory {
  if (epoch === undefined) return entry
  const limit = epoch * 1000
  const time = entry.created === undefined ? Infinity : Date.parse(entry.created)
  return time > limit ? { ...entry, created: new Date(limit).toISOString() } : entry
}

function toEntry(planned: PlannedHistory): HistoryEntry {
  const { layer: _, ...entry } = planned
  return entry
}
