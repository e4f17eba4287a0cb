// C0 and C1 controls except tab and line feed, the bidirectional overrides and isolates ("Trojan Source"), line and paragraph separators.
const unsafe = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u200E\u200F\u202A-\u202E\u2028\u2029\u2066-\u2069]/g

/**
 * Makes text of unknown origin (an image's labels, a registry's answer, names of files) safe to show: what could move the cursor, set the
 * title or reorder the line becomes visible as `\x1b` or `\u202e`. Tabs and line feeds stay.
 */
export function neutralise(text: string): string {
  return text.replace(unsafe, (character) => {
    const code = character.codePointAt(0)!
    return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`
  })
}

/** As `neutralise`, on one line: tabs and line feeds are shown as `\t` and `\n`. */
export function neutraliseLine(text: string): string {
  return neutralise(text).replaceAll('\n', '\\n').replaceAll('\t', '\\t')
}
