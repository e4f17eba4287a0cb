import { existsSync, readFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'

/** `[inside, outside, count]`, as a line of /proc/PID/uid_map (user_namespaces(7)). */
export type IdRange = readonly [inside: number, outside: number, count: number]

export interface IdMap {
  readonly uid: readonly IdRange[]
  readonly gid: readonly IdRange[]
}

/**
 * The mapping of an unprivileged user: itself as root, then its ranges of /etc/subuid and /etc/subgid in their order (subuid(5);
 * a line names the user or its uid). Without ranges root is the only id inside, and files of other owners cannot be made.
 */
export function rootlessIdMap(etc: string, uid: number, gid: number): IdMap {
  const owners = [userName(uid), String(uid)]
  return {
    uid: [[0, uid, 1], ...subRanges(join(etc, 'subuid'), owners)],
    gid: [[0, gid, 1], ...subRanges(join(etc, 'subgid'), owners)],
  }
}

/**
 * How many group ids exist, from 0 on, in the user namespace in which processes run: that of the mapping, else our own. 2^32 - 1 outside of all user namespaces.
 */
export function groupIds(idmap: IdMap | undefined, ownMap = '/proc/self/gid_map'): number {
  const ranges = idmap?.gid ?? readRanges(ownMap)
  let next = 0
  for (const [inside, , count] of ranges.toSorted(([a], [b]) => a - b)) if (inside === next) next += count
  return next
}

function readRanges(path: string): readonly IdRange[] {
  const lines = readFileSync(path, 'utf8').split('\n')
  return lines.filter((line) => line !== '').map((line) => line.trim().split(/\s+/).map(Number) as unknown as IdRange)
}

function subRanges(path: string, owners: readonly string[]): readonly IdRange[] {
  if (!existsSync(path)) return []
  const ranges: IdRange[] = []
  let inside = 1
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    const [owner = '', start = '', count = ''] = line.split(':')
    if (!owners.includes(owner) || !/^\d+$/.test(start) || !/^[1-9]\d*$/.test(count)) continue
    ranges.push([inside, Number(start), Number(count)])
    inside += Number(count)
  }
  return ranges
}

/** Looked up by the system only for ourselves; a container may lack the entry. */
function userName(uid: number): string {
  try {
    return uid === process.getuid?.() ? userInfo().username : String(uid)
  } catch {
    return String(uid)
  }
}
