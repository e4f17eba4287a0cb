import { createHash } from 'node:crypto'
import { TsbuildError } from '../base/errors.ts'
import { sparingly } from '../base/sparingly.ts'
import type { NativeCore, Tree } from '../host/native.ts'
import type { DiffId } from '../oci/digest.ts'

/**
 * The canonical tar of a snapshot as a stream. STORE_CORRUPT at its end when its files no longer give the DiffID: the last bytes
 * then do not come.
 */
export async function* streamLayer(
  native: NativeCore,
  layer: Tree,
  diffId: DiffId,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const running = native.start(
    'pack',
    { tree: layer, out: { fd: 5 }, compression: { kind: 'none' }, expect: { diffId } },
    { signal, fds: ['pipe'] },
  )
  running.result.catch(() => undefined)
  const [pipe] = running.pipes
  if (pipe === undefined || pipe === null)
    throw new Error('The native core was started without the pipe it was asked for')
  const hash = createHash('sha256')
  let last: Uint8Array | undefined
  for await (const chunk of sparingly(pipe as AsyncIterable<Uint8Array>)) {
    hash.update(chunk)
    if (last !== undefined) yield last
    last = chunk
  }
  await running.result
  if (`sha256:${hash.digest('hex')}` !== diffId) {
    throw new TsbuildError('STORE_CORRUPT', `Cannot pack layer ${diffId}: its files have changed in the store`)
  }
  if (last !== undefined) yield last
}
