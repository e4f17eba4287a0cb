import type { CountedImage } from '../../engine/images.ts'
import type { Reference } from '../../oci/reference.ts'
import type { ListColumn } from '../../ui/list.ts'

/** One line of a list of images. */
export interface ImageRow {
  readonly listed: CountedImage
  readonly name: Reference | undefined
  readonly digest: string | undefined
}

/**
 * One line per name, as docker has them: with digests one per name and digest of its repository; names by digest alone follow, an
 * image without names has one line.
 */
export function imageRows(listed: CountedImage, withDigests: boolean): readonly ImageRow[] {
  const repository = (name: Reference): string => `${name.registry}/${name.repository}`
  const tagged = listed.tags.flatMap((name): readonly ImageRow[] => {
    const own = withDigests ? listed.digests.filter((one) => repository(one) === repository(name)) : []
    return own.length === 0
      ? [{ listed, name, digest: undefined }]
      : own.map(({ digest }) => ({ listed, name, digest }))
  })
  const withTags = new Set(listed.tags.map(repository))
  const others = listed.digests.filter((one) => !withTags.has(repository(one)))
  const byDigest = others.map((name): ImageRow => ({ listed, name, digest: withDigests ? name.digest : undefined }))
  const untagged = withDigests ? byDigest : [...new Map(byDigest.map((row) => [repository(row.name!), row])).values()]
  const rows = [...tagged, ...untagged]
  return rows.length > 0 ? rows : [{ listed, name: undefined, digest: undefined }]
}

/** Columns of `images` under docker's names. `whole`: IDs are not cut. */
export async function imageColumns(whole: boolean): Promise<Readonly<Record<string, ListColumn<ImageRow>>>> {
  const { familiarRepository } = await import('../../oci/reference.ts')
  const { shortId } = await import('../../oci/digest.ts')
  const { formatPlatform } = await import('../../oci/platform.ts')
  const { humanSize, localTime, relativeAge } = await import('../../ui/human.ts')
  const now = Date.now()
  return {
    Repository: {
      header: 'REPOSITORY',
      value: ({ name }) => (name === undefined ? '<none>' : familiarRepository(name)),
    },
    Tag: { header: 'TAG', value: ({ name }) => name?.tag ?? '<none>' },
    Digest: { header: 'DIGEST', value: ({ digest }) => digest ?? '<none>' },
    ID: { header: 'IMAGE ID', value: ({ listed }) => (whole ? listed.id : shortId(listed.id)) },
    CreatedSince: { header: 'CREATED', value: ({ listed }) => relativeAge(listed.createdAt, now) },
    CreatedAt: { header: 'CREATED AT', value: ({ listed }) => localTime(new Date(listed.createdAt)) },
    Size: { header: 'SIZE', value: ({ listed }) => humanSize(listed.size) },
    Platform: {
      header: 'PLATFORM',
      value: ({ listed }) => (listed.platform === undefined ? '<none>' : formatPlatform(listed.platform)),
    },
    Containers: { header: 'CONTAINERS', value: ({ listed }) => String(listed.containers) },
    VirtualSize: { header: 'SIZE', value: ({ listed }) => humanSize(listed.size, 4) },
    // Only `system df -v` asks what images share; docker's list says the same.
    SharedSize: { header: 'SHARED SIZE', value: () => 'N/A' },
    UniqueSize: { header: 'UNIQUE SIZE', value: () => 'N/A' },
  }
}
