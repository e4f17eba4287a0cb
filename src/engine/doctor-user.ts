import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { delimiter, join } from 'node:path'
import { hasErrno } from '../base/errors.ts'
import type { Settings } from '../settings/settings.ts'
import type { Finding } from './doctor-finding.ts'

/** What only an unprivileged user needs: ids to give files to, a program and a device for networks. */
export async function userFindings(settings: Settings): Promise<readonly Finding[]> {
  return [idsFinding(settings), await networkFinding(settings), await tunFinding()]
}

function idsFinding({ idmap }: Settings): Finding {
  const name = 'subordinate ids'
  const counts = [idmap?.uid ?? [], idmap?.gid ?? []].map((map) =>
    map.slice(1).reduce((sum, [, , size]) => sum + size, 0),
  )
  const count = Math.min(...counts)
  if (count >= 65_536) return { name, state: 'good', detail: `${count}` }
  const advice = `As root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${userName()}, and apt-get install uidmap`
  return {
    name,
    state: 'limited',
    detail: `${count}: processes see every file as root's, and cannot change to other users`,
    advice,
  }
}

function userName(): string {
  try {
    return userInfo().username
  } catch {
    return 'USER'
  }
}

async function networkFinding({ env }: Settings): Promise<Finding> {
  const found = await findProgram(env('PATH') ?? '', ['pasta', 'slirp4netns'])
  const name = 'user network'
  if (found !== undefined) return { name, state: 'good', detail: found }
  const advice = 'As root: apt-get install passt (or slirp4netns); or use --network host'
  return { name, state: 'limited', detail: 'without pasta or slirp4netns: no networks of an unprivileged user', advice }
}

async function tunFinding(): Promise<Finding> {
  const [name, path] = ['tun', '/dev/net/tun']
  try {
    await access(path, constants.R_OK | constants.W_OK)
    return { name, state: 'good', detail: path }
  } catch (error) {
    const advice = hasErrno(error, 'ENOENT')
      ? 'As root: modprobe tun; in a container: docker run --device /dev/net/tun'
      : `As root: chmod 666 ${path}`
    return { name, state: 'limited', detail: `${path} cannot be opened: no networks of an unprivileged user`, advice }
  }
}

/** Path of the first of the programs that is there. */
export async function findProgram(searchPath: string, names: readonly string[]): Promise<string | undefined> {
  for (const name of names) {
    for (const folder of searchPath.split(delimiter).filter((one) => one !== '')) {
      const path = join(folder, name)
      const found = await access(path, constants.X_OK).then(
        () => true,
        () => false,
      )
      if (found) return path
    }
  }
  return undefined
}
