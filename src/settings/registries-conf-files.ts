import { join } from 'node:path'
import { listConfigFiles, readConfigFile } from './config-file.ts'
import type { Place } from './read-settings.ts'

export interface ConfigText {
  readonly path: string
  readonly text: string
}

/**
 * The files of containers-registries.conf(5) that count, in order of rising weight: CONTAINERS_REGISTRIES_CONF, else the user's file,
 * else the machine's; then the drop-in directories.
 */
export function findRegistriesConf({ env, home, etc }: Place): readonly ConfigText[] {
  const machine = join(etc, 'containers')
  const user = join(env('XDG_CONFIG_HOME') ?? join(home, '.config'), 'containers')
  const given = env('CONTAINERS_REGISTRIES_CONF')
  const candidates = given === undefined ? [join(user, 'registries.conf'), join(machine, 'registries.conf')] : [given]
  const main = candidates.map(read).find((file) => file !== undefined)
  const dropIns = [machine, user].flatMap((directory) => listConfigFiles(join(directory, 'registries.conf.d'), '.conf'))
  return [main, ...dropIns.map(read)].filter((file) => file !== undefined)
}

function read(path: string): ConfigText | undefined {
  const text = readConfigFile(path)
  return text === undefined ? undefined : { path, text }
}
