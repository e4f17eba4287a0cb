/** True when an IPv4 address lies in a CIDR block such as `10.0.0.0/8`. Anything else is not in it. */
export function inAddressBlock(address: string, block: string): boolean {
  const [base = '', bits = ''] = block.split('/')
  const value = ipv4(address)
  const network = ipv4(base)
  if (value === undefined || network === undefined || !/^\d{1,2}$/.test(bits) || Number(bits) > 32) return false
  const span = 2 ** (32 - Number(bits))
  return Math.floor(value / span) === Math.floor(network / span)
}

function ipv4(text: string): number | undefined {
  if (!/^\d{1,3}(?:\.\d{1,3}){3}$/.test(text)) return undefined
  return text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)
}
