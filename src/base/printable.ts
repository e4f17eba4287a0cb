/* oxlint-disable no-control-regex -- control characters are what this file is about */

/**
 * Text from outside made safe to show: control characters other than line feed and tab (C0, DEL, C1) and the Unicode controls
 * that reorder a line become visible escapes, so that a server or a file cannot drive the terminal.
 */
export function printable(text: string): string {
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, visible)
}

/** The same on one line: line feeds and tabs become spaces, long text is cut. */
export function printableLine(text: string, limit = 1000): string {
  const line = printable(text.slice(0, limit).replace(/[\r\n\t]+/g, ' ')).trim()
  return text.length > limit ? `${line}…` : line
}

function visible(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
