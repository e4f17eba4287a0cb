import type { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { recordEvent } from '../container/container-events.ts'
import { rootTree } from '../container/container-changes.ts'
import type { Engine, VerbContext } from './engine.ts'

/** Writes a container's whole root, without its mounts, as a tar. CONTAINER_NOT_FOUND. */
export async function exportContainer(
  engine: Engine,
  request: { readonly name: string; readonly to: Writable },
  context: VerbContext,
): Promise<void> {
  const container = engine.containers.records.resolve(request.name)
  recordEvent(engine.containers, container, 'export')
  const exporting = engine.native.start(
    'export',
    { tree: rootTree(engine.containers, container), out: { fd: 5 }, paths: null },
    { signal: context.signal, fds: ['pipe'] },
  )
  await Promise.all([exporting.result, pipeline(exporting.pipes[0]!, request.to, { end: false })])
}
