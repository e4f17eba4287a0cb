import type { Checked } from '../diagnostics.ts'
import { bad, good, quoted } from '../diagnostics.ts'

export type Chmod =
  | { readonly kind: 'octal'; readonly mode: number }
  | { readonly kind: 'symbolic'; readonly text: string }

const symbolic = /^[ugoa]*(?:[-+=][rstwXxugo]*)+(?:,[ugoa]*(?:[-+=][rstwXxugo]*)+)*$/

/** Reads a `--chmod`: octal up to 07777, or symbolic as chmod(1) has it, such as `u=rwX,go=rX`. */
export function parseChmod(text: string): Checked<Chmod> {
  const hint = 'Write an octal number up to "7777", or symbols such as "u=rwX,go=rX"'
  if (/^[0-7]+$/.test(text)) {
    const mode = Number.parseInt(text, 8)
    return mode <= 0o7777
      ? good({ kind: 'octal', mode })
      : bad('CHMOD_INVALID', `mode ${quoted(text)} is out of range`, hint)
  }
  return symbolic.test(text)
    ? good({ kind: 'symbolic', text })
    : bad('CHMOD_INVALID', `mode ${quoted(text)} is neither octal nor symbolic`, hint)
}
