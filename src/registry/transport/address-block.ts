/** True when an address lies in a CIDR block such as `10.0.0.0/8` or `fd00::/8`. Anything else is not in it. */
export function inAddressBlock(address: string, block: string): boolean {
  const [base = '', bits = ''] = block.split('/')
  const value = parseAddress(address)
  const network = parseAddress(base)
  if (value === undefined || network === undefined || value.bits !== network.bits) return false
  if (!/^\d{1,3}$/.test(bits) || Number(bits) > value.bits) return false
  const shift = BigInt(value.bits - Number(bits))
  return value.number >> shift === network.number >> shift
}

function parseAddress(text: string): { readonly bits: number; readonly number: bigint } | undefined {
  if (/^\d{1,3}(?:\.\d{1,3}){3}$/.test(text)) return join(text.split('.').map(Number), 8)
  if (!/^[0-9a-f:]*$/i.test(text) || !text.includes(':')) return undefined
  const [head = '', tail, more] = text.split('::')
  if (more !== undefined) return undefined
  const groups = (part: string): readonly string[] => (part === '' ? [] : part.split(':'))
  const [front, back] = [groups(head), groups(tail ?? '')]
  const missing = 8 - front.length - back.length
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined
  return join(
    [...front, ...Array.from({ length: missing }, () => '0'), ...back].map((group) => Number.parseInt(group, 16)),
    16,
  )
}

function join(parts: readonly number[], width: number): { readonly bits: number; readonly number: bigint } | undefined {
  if (!parts.every((part) => part >= 0 && part < 2 ** width)) return undefined
  return {
    bits: parts.length * width,
    number: parts.reduce((sum, part) => (sum << BigInt(width)) + BigInt(part), 0n),
  }
}
