import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { TsbuildError, hasErrno } from '../base/errors.ts'
import type { NativeCore } from '../host/native.ts'
import type { Store } from '../store/store.ts'
import { isVolumeName } from './volume-name.ts'
import { checkLocalOptions } from './local-driver.ts'
import { volumeRecords } from './volume-records.ts'
import type { Volume, VolumeRecords } from './volume-records.ts'

export interface NewVolume {
  /** Absent: an anonymous volume named by 64 hex digits. */
  readonly name?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly options?: Readonly<Record<string, string>>
}

/** Volumes of the local driver. Safe with other processes at the same store. */
export interface VolumeService {
  readonly records: VolumeRecords
  /**
   * Makes the volume, or gives the one of that name. VOLUME_INVALID for a bad name or option, VOLUME_EXISTS when it has other
   * options than those asked for.
   */
  create(request: NewVolume): Volume
  /** As `create`, and marks it as used by the container in the same transaction. */
  createFor(container: string, request: NewVolume): Volume
  /** VOLUME_NOT_FOUND. */
  get(name: string): Volume
  /** VOLUME_NOT_FOUND; VOLUME_IN_USE, naming the containers. Data and record go. */
  remove(name: string): Promise<void>
  /** Where the data lie on the host. */
  mountpoint(name: string): string
}

export function createVolumeService(store: Store, native: NativeCore): VolumeService {
  const records = volumeRecords(store.db)
  const directory = store.paths.volumes
  const mountpoint = (name: string): string => join(directory, name, '_data')

  function get(name: string): Volume {
    const volume = records.find(name)
    if (volume === undefined) {
      throw new TsbuildError('VOLUME_NOT_FOUND', `No such volume: ${name}`, {
        hint: '"tsbuild volume ls" shows all volumes',
      })
    }
    return volume
  }

  function create({ name, labels = {}, options = {} }: NewVolume, container?: string): Volume {
    if (name !== undefined && !isVolumeName(name)) throw badName(name)
    if (name?.length === 1) throw tooShort(name)
    checkLocalOptions(options)
    const wanted: Volume = {
      name: name ?? randomBytes(32).toString('hex'),
      createdAt: Date.now(),
      labels,
      options,
      anonymous: name === undefined,
    }
    const volume = store.db.transaction(() => {
      const found = records.insert(wanted) ? wanted : get(wanted.name)
      if (Object.keys(options).length > 0 && !sameOptions(found.options, options)) throw exists(found.name)
      if (container !== undefined) records.use(found.name, container)
      return found
    })
    mkdirSync(mountpoint(volume.name), { recursive: true, mode: 0o755 })
    return volume
  }

  return {
    records,
    get,
    mountpoint,
    create: (request) => create(request),
    createFor: (container, request) => create(request, container),
    async remove(name) {
      get(name)
      store.db.transaction(() => {
        const users = records.remove(name)
        if (users.length > 0) throw inUse(name, users)
        setAside(join(directory, name), join(directory, `${asidePrefix}${randomBytes(8).toString('hex')}`))
      })
      // Those that others were killed over as well.
      const names = readdirSync(directory).filter((entry) => entry.startsWith(asidePrefix))
      await native.call('remove', { root: directory, names })
    },
  }
}

/** No volume is called so. */
const asidePrefix = '.removed-'

/** With the record goes the name: a new volume of that name has nothing of this one, and nothing of it is removed with this one. */
function setAside(path: string, aside: string): void {
  try {
    renameSync(path, aside)
  } catch (error) {
    if (!hasErrno(error, 'ENOENT')) throw error
  }
}

function inUse(name: string, users: readonly string[]): TsbuildError {
  return new TsbuildError('VOLUME_IN_USE', `remove ${name}: volume is in use - [${users.join(', ')}]`, {
    hint: `Remove ${users.length === 1 ? 'the container' : 'the containers'} first: tsbuild rm ${users.map((id) => id.slice(0, 12)).join(' ')}`,
    details: { containers: users },
  })
}

function badName(name: string): TsbuildError {
  return new TsbuildError(
    'VOLUME_INVALID',
    `create ${name}: "${name}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed`,
    { hint: 'To mount a host directory, give its absolute path' },
  )
}

function tooShort(name: string): TsbuildError {
  return new TsbuildError(
    'VOLUME_INVALID',
    `create ${name}: volume name is too short, names should be at least two alphanumeric characters`,
  )
}

function exists(name: string): TsbuildError {
  return new TsbuildError('VOLUME_EXISTS', `Cannot create volume "${name}": it exists with other options`, {
    hint: `Remove it first with "tsbuild volume rm ${name}", or choose another name`,
  })
}

function sameOptions(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(a)
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key])
}
