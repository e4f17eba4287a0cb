const rules: readonly (readonly [RegExp, string])[] = [
  [/(\b[a-z][a-z0-9+.-]{0,30}:\/\/)[^\s/?#@]+@/gi, '$1***@'],
  [/\b(bearer|basic|token)(\s+)[A-Za-z0-9._~+/=-]{8,}/gi, '$1$2***'],
  [
    /([?&](?:[a-z0-9_.-]{0,60}(?:token|secret|signature|password|credential|sig|key)[a-z0-9_.-]{0,60})=)[^\s&"']+/gi,
    '$1***',
  ],
]

/**
 * Removes credentials that travel inside ordinary text: user info of URLs, `Bearer …`/`Basic …` values and query parameters
 * whose names speak of secrets (presigned URLs carry the right to read in `X-Amz-Signature` and friends).
 * Repetitions are bounded, so that hostile text costs linear time.
 */
export function redact(text: string): string {
  return rules.reduce((out, [pattern, replacement]) => out.replace(pattern, replacement), text)
}
