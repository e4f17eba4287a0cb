import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Bytes that may gather, of one stream. */
const step = 8 * 1024 * 1024

/**
 * Passes chunks on that nobody keeps for long. Node allots each outside of V8's heap: the collector sees little reason to run and lets 60 MB of
 * them gather. Here what is young is collected now and then.
 */
export async function* sparingly(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const passed = createChunkCollector()
  for await (const chunk of source) {
    yield chunk
    passed(chunk.byteLength)
  }
}

/** Is told of the bytes of each chunk that passed. A collection takes about a millisecond. */
export function createChunkCollector(): (bytes: number) => void {
  let gathered = 0
  let collect: Collect | undefined
  return (bytes) => {
    gathered += bytes
    if (gathered < step) return
    gathered = 0
    collect ??= findCollector()
    collect({ type: 'minor' })
  }
}

type Collect = (options: { readonly type: 'minor' }) => void

/** Contexts made while the flag is set have the function. The flag goes again, or V8 would refuse code that it compiled without it. */
function findCollector(): Collect {
  setFlagsFromString('--expose-gc')
  try {
    return runInNewContext('typeof gc === "function" ? gc : () => {}') as Collect
  } finally {
    setFlagsFromString('--no-expose-gc')
  }
}
