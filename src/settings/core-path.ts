import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { embeddedCoreName } from '../base/embedded.ts'
import { embeddedCore } from './embedded-core.ts'

/**
 * Where the native core is: TSBUILD_CORE (`given`), else what the single executable carries, else the build of a clone, else the npm package for this machine, nested or
 * hoisted. Without any, the place where a clone's build would put it, so that NATIVE_MISSING names a useful path.
 */
export function findCore(given: string | undefined, folders: readonly string[]): string {
  if (given !== undefined) return given
  if (embeddedCoreName !== '') return embeddedCore(embeddedCoreName, folders)
  const home = packageRoot(import.meta.dirname)
  const built = join(home, 'native/build/tsbuild-core')
  if (existsSync(built)) return built
  const name = `node_modules/@tsbuild/core-linux-${process.arch}/tsbuild-core`
  return (
    ancestors(home)
      .map((directory) => join(directory, name))
      .find((path) => existsSync(path)) ?? built
  )
}

/** The directory of tsbuild's own package.json: two above the sources, one above the bundle. */
function packageRoot(start: string): string {
  return ancestors(start).find((directory) => existsSync(join(directory, 'package.json'))) ?? start
}

function ancestors(start: string): readonly string[] {
  const parent = dirname(start)
  return parent === start ? [start] : [start, ...ancestors(parent)]
}
