/**
 * The option closest to `value` by edit distance, when it is near enough to be meant: fewer than three edits, and fewer
 * than the value has characters. `undefined` also when the value is one of the options.
 */
export function nearest(value: string, options: Iterable<string>): string | undefined {
  let best: string | undefined
  let least = Math.min(3, value.length)
  for (const option of options) {
    if (option === value) return undefined
    const distance = editDistance(value, option, least)
    if (distance < least) [best, least] = [option, distance]
  }
  return best
}

/** `Did you mean "x"?`, or nothing. */
export function didYouMean(
  value: string,
  options: Iterable<string>,
  show: (option: string) => string = String,
): string | undefined {
  const option = nearest(value, options)
  return option === undefined ? undefined : `Did you mean "${show(option)}"?`
}

/** Edits, two neighbours changed round being one of them (optimal string alignment); gives up with `limit` as soon as it cannot be less. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit
  let before: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1
      let least = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + change)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, (before[j - 2] ?? 0) + 1)
      next.push(least)
    }
    before = row
    row = next
  }
  return row[b.length] ?? limit
}
