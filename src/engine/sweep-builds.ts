import { readFile, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { hasErrno } from '../base/errors.ts'
import { bridgeName } from '../network/bridge-name.ts'
import { cgroupPath } from '../runtime/runtime-config.ts'
import type { Engine } from './engine.ts'

type Place = Pick<Engine, 'settings' | 'store' | 'native'>

/** Where builds have folders of their own, named `<lease>-<build>`: on the store's file system, and in memory. */
export function buildFolders({ settings, store }: Pick<Place, 'settings' | 'store'>): readonly [string, string] {
  return [join(store.root, 'tmp'), join(settings.runRoot, 'build')]
}

/** File in the build's folder in memory that names the parent of its steps' cgroups, where that is not the usual one. */
export const cgroupParentFile = 'cgroup-parent'

/** Removes what builds of dead processes left: their folders, their steps' cgroups, the bridge of the steps when it has no member. */
export async function sweepBuilds(place: Place): Promise<void> {
  const { settings, native } = place
  const [scratch, volatile] = buildFolders(place)
  const dead = await deadFolders(place, volatile)
  const cgroups = (await Promise.all(dead.map(stepCgroups))).flat()
  if (cgroups.length > 0) await native.call('cgroup', { op: 'remove', paths: cgroups })
  // One that no step is on right now may have had some.
  if (dead.length > 0 && !settings.rootless) {
    await native.call('network', { op: 'bridge-remove', name: bridgeName(settings), wait: false })
  }
  for (const folder of [...dead, ...(await deadFolders(place, scratch))]) {
    await rm(folder, { recursive: true, force: true })
  }
}

async function deadFolders({ store: { db } }: Place, parent: string): Promise<readonly string[]> {
  return (await namesIn(parent))
    .filter((name) => db.get('SELECT 1 FROM leases WHERE id = ?', Number(name.split('-')[0])) === undefined)
    .map((name) => join(parent, name))
}

/** A step has a folder of its name as long as it runs. */
async function stepCgroups(folder: string): Promise<readonly string[]> {
  const steps = (await namesIn(folder)).filter((name) => /^build-[0-9a-f]+$/.test(name))
  const parent = await readFile(join(folder, cgroupParentFile), 'utf8').catch(unlessMissing(undefined))
  return steps.map((id) => cgroupPath({ id, ...(parent === undefined ? {} : { cgroupParent: parent }) }))
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch(unlessMissing([]))
}

function unlessMissing<T>(value: T): (error: unknown) => T {
  return (error) => {
    if (hasErrno(error, 'ENOENT')) return value
    throw error
  }
}
