import { StringDecoder } from 'node:string_decoder'
import { printable } from '../../base/printable.ts'

/** Turns the bytes of a step's output into safe lines, however they are cut into chunks. */
export interface LineSplitter {
  /** Complete lines of this chunk. A carriage return within a line shows what was written over it last, as a terminal would. */
  push(chunk: Uint8Array): readonly string[]
  /** What came after the last line feed. */
  end(): readonly string[]
}

/** Longer lines are cut into several, so that a step that never writes a line feed cannot fill the memory. */
const longestLine = 64 * 1024

export function createLineSplitter(): LineSplitter {
  const decoder = new StringDecoder('utf8')
  let rest = ''

  function take(text: string): readonly string[] {
    const lines = (rest + text).split('\n')
    rest = lines.pop()!
    while (rest.length > longestLine) {
      lines.push(rest.slice(0, longestLine))
      rest = rest.slice(longestLine)
    }
    return lines.map(visibleLine)
  }

  return {
    push: (chunk) => take(decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))),
    end() {
      const lines = take(decoder.end())
      const last = rest === '' ? [] : [visibleLine(rest)]
      rest = ''
      return [...lines, ...last]
    },
  }
}

// Colours and cursor movements (ECMA-48 control sequences, OSC strings) that programs print when they think they have a terminal.
// oxlint-disable-next-line no-control-regex
const controlSequence = /\u001B(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001B]*(?:\u0007|\u001B\\)|[@-Z\\^_])/g

function visibleLine(line: string): string {
  const shown = line.replace(/\r+$/, '').split('\r').at(-1)!
  return printable(shown.replace(controlSequence, ''))
}
