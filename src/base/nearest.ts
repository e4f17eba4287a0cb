/**
 * The words of `known` that a person may have meant by `word`, best first, at most three: those within one edit for every
 * three characters (an edit inserts, removes, replaces a character or swaps two neighbours), and those that `word` begins.
 */
export function nearest(word: string, known: readonly string[]): readonly string[] {
  const wanted = word.toLowerCase()
  return known
    .map((name) => ({ name, distance: distanceTo(wanted, name) }))
    .filter(({ distance }) => distance <= Math.max(1, Math.floor(wanted.length / 3)))
    .sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1))
    .slice(0, 3)
    .map(({ name }) => name)
}

function distanceTo(wanted: string, name: string): number {
  const candidate = name.toLowerCase()
  return wanted.length > 1 && candidate.startsWith(wanted) ? 1 : editDistance(wanted, candidate)
}

/** Optimal string alignment: Levenshtein's distance with neighbour swaps. */
function editDistance(a: string, b: string): number {
  let twoBack: number[] = []
  let oneBack = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1]
      let best = Math.min(oneBack[column]! + 1, current[column - 1]! + 1, oneBack[column - 1]! + (same ? 0 : 1))
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        best = Math.min(best, twoBack[column - 2]! + 1)
      }
      current.push(best)
    }
    twoBack = oneBack
    oneBack = current
  }
  return oneBack[b.length]!
}
