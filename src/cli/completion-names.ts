import { familiarReference } from '../oci/reference.ts'
import type { CommandContext } from './command.ts'
import type { NameSource } from './completion.ts'

const platforms = [
  'linux/amd64',
  'linux/arm64',
  'linux/arm/v7',
  'linux/386',
  'linux/ppc64le',
  'linux/s390x',
  'linux/riscv64',
] as const

/** Names of what the store holds now. */
export function storedNames(context: CommandContext): NameSource {
  return async (what) => {
    switch (what) {
      case 'platform':
        return platforms
      case 'image':
        return imageNames(context)
      case 'container':
      case 'running':
        return containerNames(context, what === 'container')
      case 'volume': {
        const { volumeLs } = await import('../engine/volume-ls.ts')
        return volumeLs(await context.openEngine(), []).map(({ name }) => name)
      }
      case 'network': {
        const { networkLs } = await import('../engine/network-ls.ts')
        return networkLs(await context.openEngine(), []).map(({ name }) => name)
      }
    }
  }
}

async function imageNames(context: CommandContext): Promise<readonly string[]> {
  const { images } = await import('../engine/images.ts')
  const listed = await images(await context.openEngine(), { filters: [] }, context)
  return listed.flatMap(({ tags }) => tags.map(familiarReference))
}

async function containerNames(context: CommandContext, all: boolean): Promise<readonly string[]> {
  const { ps } = await import('../engine/ps.ts')
  const entries = await ps(await context.openEngine(), { all, filters: [], sizes: false })
  return entries.map(({ container }) => container.name)
}
