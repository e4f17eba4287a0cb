/**
 * Eight hex digits that tell short texts apart (FNV-1a, 32 bits), for names that people see. No protection against texts made to
 * collide; needs no node:crypto, whose loading would cost every command five milliseconds.
 */
export function shortHash(text: string): string {
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
  return hash.toString(16).padStart(8, '0')
}
