import { once } from 'node:events'
import { messageOf } from '../../base/errors.ts'
import type { LayerEntry } from './layer-entries.ts'

/** Entries as a tar stream. Hard links come last: what they link to may stand in a lower layer. */
export async function* mergedTar(entries: AsyncIterable<LayerEntry>): AsyncGenerator<Uint8Array> {
  const { pack } = await import('tar-stream')
  const tar = pack()
  const filling = fill()
  filling.catch(() => undefined)
  yield* tar as unknown as AsyncIterable<Uint8Array>
  await filling

  async function fill(): Promise<void> {
    try {
      const links: LayerEntry['header'][] = []
      for await (const { header, path, content } of entries) {
        if (header.type === 'link') {
          links.push({ ...header, name: path })
          continue
        }
        const name = header.type === 'directory' ? `${path}/` : path
        const entry = tar.entry({ ...header, name })
        for await (const chunk of content) if (!entry.write(chunk)) await once(entry, 'drain')
        entry.end(new Uint8Array())
      }
      for (const header of links) tar.entry({ ...header, size: 0 }).end(new Uint8Array())
      tar.finalize()
    } catch (error) {
      tar.destroy(error instanceof Error ? error : new Error(messageOf(error)))
      throw error
    }
  }
}
