import { TsbuildError } from '../base/errors.ts'

const lineLimit = 64 * 1024 * 1024

/** Splits a byte stream into its lines (without the newline); a last line without one counts. NATIVE_PROTOCOL for a line over 64 MiB. */
export async function* splitLines(source: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of source) {
    rest += decoder.decode(chunk, { stream: true })
    if (rest.length > lineLimit)
      throw new TsbuildError('NATIVE_PROTOCOL', `Cannot read a line of over ${lineLimit} characters`)
    const lines = rest.split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
  if (rest !== '') yield rest
}
