import { invalidFlag } from '../base/flag-error.ts'
import type { MountRequest } from '../volume/mount-request.ts'
import type { ContainerRecords } from './container-records.ts'
import type { MountPoint } from './mount-point.ts'
import type { NewContainer } from './new-container.ts'

/** The binds and volumes of the container that `--volumes-from CONTAINER[:ro|:rw]` names. CONTAINER_NOT_FOUND, USAGE. */
export function mountsFrom(records: ContainerRecords, text: string): readonly MountRequest[] {
  const [word = '', mode = 'rw', rest] = text.split(':')
  if (rest !== undefined || (mode !== 'ro' && mode !== 'rw')) {
    throw invalidFlag('--volumes-from', text, 'expected CONTAINER[:ro|:rw]')
  }
  return records.resolve(word).mounts.flatMap((point) => requestOf(point, mode === 'ro'))
}

/** The request with further mounts; what it names itself wins. */
export function withMounts(request: NewContainer, inherited: readonly MountRequest[]): NewContainer {
  const taken = new Set(request.mounts.map((mount) => mount.target))
  return { ...request, mounts: [...request.mounts, ...inherited.filter((mount) => !taken.has(mount.target))] }
}

function requestOf(point: MountPoint, readonly: boolean): readonly MountRequest[] {
  const common = { target: point.target, readonly: point.readonly || readonly }
  if (point.kind === 'bind')
    return [{ ...common, kind: 'bind', source: point.source, create: false, recursive: point.recursive }]
  if (point.kind !== 'volume') return []
  return [
    {
      ...common,
      kind: 'volume',
      name: point.name,
      nocopy: true,
      ...(point.subpath === '' ? {} : { subpath: point.subpath }),
    },
  ]
}
