/** An amount as a person would write it: `200k`. */
export function short(value: number): string {
  if (value >= 1e9) return `${value / 1e9}G`
  if (value >= 1e6) return `${value / 1e6}M`
  return value >= 1000 ? `${value / 1000}k` : `${value}`
}
