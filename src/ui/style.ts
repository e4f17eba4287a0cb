/** Colours of text on a terminal; every function gives the text back unchanged where colours are not wanted. */
export interface Style {
  readonly bold: (text: string) => string
  readonly dim: (text: string) => string
  readonly red: (text: string) => string
  readonly yellow: (text: string) => string
  readonly green: (text: string) => string
  readonly cyan: (text: string) => string
}

export function createStyle(colour: boolean): Style {
  const sgr = (on: number, off: number) => (text: string) => (colour ? `\u001B[${on}m${text}\u001B[${off}m` : text)
  return {
    bold: sgr(1, 22),
    dim: sgr(2, 22),
    red: sgr(31, 39),
    yellow: sgr(33, 39),
    green: sgr(32, 39),
    cyan: sgr(36, 39),
  }
}
