import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { BuildContext } from '../build/context/build-context.ts'
import { newestInArchive } from '../build/context/source-time.ts'
import type { EpochSource } from '../build/plan/epoch.ts'
import type { BuildTools } from './build-services.ts'

/** When the sources of a build were made. */
export interface SourceTimes {
  /** In seconds; undefined where there is no source, or nobody says when it was made. Each is fetched once. */
  seconds(source: EpochSource | undefined): Promise<number | undefined>
  /** True when something outside this build's folders was asked. */
  asked(): boolean
}

export function sourceTimes(tools: BuildTools, open: (context: string) => Promise<BuildContext>): SourceTimes {
  const known = new Map<string, Promise<number | undefined>>()

  async function milliseconds(source: Exclude<EpochSource, { readonly kind: 'seconds' }>): Promise<number | undefined> {
    const folder = join(tools.scratch, `epoch-${randomBytes(6).toString('hex')}`)
    switch (source.kind) {
      case 'context':
        return (await open(source.name)).time()
      case 'git':
        return (await tools.checkout(source.git, folder, tools.signal)).committed
      case 'http': {
        // It stays for the step that adds it; the folder of the build goes with the build.
        const { path, modified } = await tools.web.fetch(source.url, source.checksum, tools.signal)
        return modified ?? (await newestInArchive(path, folder, tools))
      }
    }
  }

  return {
    async seconds(source) {
      if (source === undefined) return undefined
      if (source.kind === 'seconds') return source.seconds
      const key = JSON.stringify(source)
      const asked = known.get(key) ?? milliseconds(source)
      known.set(key, asked)
      const found = await asked
      return found === undefined ? undefined : Math.floor(found / 1000)
    },
    asked: () => known.size > 0,
  }
}
