import type { OutputStream } from '../terminal.ts'

/** The lines at the bottom of a terminal that are drawn again and again, below what scrolls away. */
export interface LiveRegion extends Disposable {
  /** Puts `above` into the scrolling part for good and replaces the live lines by `live`. Lines must fit the terminal's width. */
  draw(above: readonly string[], live: readonly string[]): void
}

// Terminals that know mode 2026 show everything between the two marks at once; the others ignore the marks.
const beginUpdate = '\u001B[?2026h'
const endUpdate = '\u001B[?2026l'

export function openLiveRegion(stream: OutputStream): LiveRegion {
  let height = 0
  return {
    draw(above, live) {
      const back = height === 0 ? '' : `\u001B[${height}A`
      const lines = [...above, ...live].map((line) => `${line}\u001B[K\n`).join('')
      stream.write(`${beginUpdate}${back}\r${lines}\u001B[J${endUpdate}`)
      height = live.length
    },
    [Symbol.dispose]() {
      height = 0
    },
  }
}
