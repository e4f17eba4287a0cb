/** Common table expression `above`: what a query finds, and the indexes that lead to it. */
export function above(query: string): string {
  return `above(digest) AS (
    ${query} UNION SELECT index_facts.digest FROM above JOIN index_members ON index_members.digest = above.digest
      JOIN index_facts ON index_facts.id = parent)`
}

/** Likewise `below`: what indexes lead to. */
export function below(query: string): string {
  return `below(digest) AS (
    ${query} UNION SELECT index_members.digest FROM below JOIN index_facts ON index_facts.digest = below.digest
      JOIN index_members ON index_members.parent = index_facts.id)`
}
