/** Takes secrets out of a step's output, also where a secret is cut by two chunks. */
export interface MaskedStream {
  write(chunk: Uint8Array): void
  /** Hands on what was held back because it might have been the beginning of a secret. */
  flush(): void
}

/** Shorter values are too likely to be ordinary text. */
const shortestSecret = 4

const stars = Buffer.from('****')

/** Makes masked streams for a set of secrets; each goes to `sink` with every secret replaced by stars. Multi-line secrets count by line. */
export function createMask(secrets: readonly Uint8Array[]): (sink: (data: Uint8Array) => void) => MaskedStream {
  const needles = secrets
    .flatMap((secret) => linesOf(Buffer.from(secret)))
    .filter((needle) => needle.length >= shortestSecret)
    .sort((a, b) => b.length - a.length)
  if (needles.length === 0) return (sink) => ({ write: sink, flush: () => {} })
  return (sink) => {
    let held = Buffer.alloc(0)
    return {
      write(chunk) {
        const text = replaceAll(Buffer.concat([held, chunk]), needles)
        const keep = longestBeginning(text, needles)
        held = Buffer.from(text.subarray(text.length - keep))
        if (text.length > keep) sink(text.subarray(0, text.length - keep))
      },
      flush() {
        if (held.length > 0) sink(held)
        held = Buffer.alloc(0)
      },
    }
  }
}

function linesOf(secret: Buffer): readonly Buffer[] {
  const lines: Buffer[] = []
  let from = 0
  for (let at = secret.indexOf(0x0a); at !== -1; at = secret.indexOf(0x0a, from)) {
    lines.push(secret.subarray(from, at))
    from = at + 1
  }
  return [...lines, secret.subarray(from)]
}

function replaceAll(text: Buffer, needles: readonly Buffer[]): Buffer {
  return needles.reduce((current, needle) => {
    const parts: Buffer[] = []
    let from = 0
    for (let at = current.indexOf(needle); at !== -1; at = current.indexOf(needle, from)) {
      parts.push(current.subarray(from, at), stars)
      from = at + needle.length
    }
    return parts.length === 0 ? current : Buffer.concat([...parts, current.subarray(from)])
  }, text)
}

/** Length of the longest end of `text` that is a proper beginning of a needle. */
function longestBeginning(text: Buffer, needles: readonly Buffer[]): number {
  const most = Math.min(text.length, (needles[0]?.length ?? 1) - 1)
  for (let length = most; length > 0; length--) {
    const end = text.subarray(text.length - length)
    if (needles.some((needle) => needle.length > length && needle.subarray(0, length).equals(end))) return length
  }
  return 0
}
