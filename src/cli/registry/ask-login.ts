import { TsbuildError } from '../../base/errors.ts'
import type { Terminal } from '../../ui/terminal.ts'

/** Reads a line from stdin, shown or (for passwords) not, as a person types it. CANCELLED at Ctrl-C or Ctrl-D. */
export async function askLine(
  terminal: Terminal,
  question: string,
  options: { readonly hidden: boolean },
): Promise<string> {
  const { stdin, stderr } = terminal
  if (stdin.isTTY !== true) {
    throw new TsbuildError('USAGE', 'Cannot ask for a login: stdin is not a terminal', {
      hint: 'Give the user with --username and the password with --password-stdin',
    })
  }
  stderr.write(question)
  stdin.setRawMode?.(true)
  stdin.resume()
  let line = ''
  try {
    for await (const chunk of stdin.iterator({ destroyOnReturn: false })) {
      for (const character of String(chunk)) {
        if (character === '\r' || character === '\n') return line
        if (character === '\u0003' || character === '\u0004')
          throw new TsbuildError('CANCELLED', 'The login was given up')
        if (character === '\u007f' || character === '\b') {
          if (!options.hidden && line !== '') stderr.write('\b \b')
          line = line.slice(0, -1)
        } else {
          line += character
          if (!options.hidden) stderr.write(character)
        }
      }
    }
    return line
  } finally {
    stdin.setRawMode?.(false)
    stdin.pause()
    stderr.write('\n')
  }
}

/** The whole of stdin without the line feed at its end. */
export async function readSecret(terminal: Terminal): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of terminal.stdin as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    size += chunk.byteLength
    if (size > 1024 * 1024)
      throw new TsbuildError('USAGE', 'Cannot read a password from stdin: it is longer than 1 MiB')
  }
  return Buffer.concat(chunks)
    .toString('utf8')
    .replace(/\r?\n$/, '')
}
