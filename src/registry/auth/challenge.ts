/** One challenge of a WWW-Authenticate header (RFC 9110 §11.6.1). */
export interface Challenge {
  /** In lower case: Nexus sends `BASIC`. */
  readonly scheme: string
  /** Names in lower case; the first of equal names counts. */
  readonly parameters: Readonly<Record<string, string>>
}

const token = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y
const separators = /[\s,]*/y
const spaces = /[ \t]*/y
const token68 = /[A-Za-z0-9\-._~+/]+=*(?=[ \t]*(?:,|$))/y
/** A header can be 64 KiB; no honest server sends more challenges than this. */
const maxChallenges = 20

/**
 * Parses WWW-Authenticate by its grammar: several challenges in one field, several fields joined by commas, quoted strings with
 * escapes and commas (Bearer scopes have them), token68 values. What does not fit the grammar ends the list.
 */
export function parseChallenges(header: string): readonly Challenge[] {
  const challenges: Challenge[] = []
  let position = 0

  function take(pattern: RegExp): string | undefined {
    pattern.lastIndex = position
    const match = pattern.exec(header)
    if (match === null) return undefined
    position = pattern.lastIndex
    return match[0]
  }

  function takeParameter(): readonly [string, string] | undefined {
    const start = position
    take(separators)
    const name = take(token)
    take(spaces)
    if (name === undefined || header[position] !== '=') {
      position = start
      return undefined
    }
    position += 1
    take(spaces)
    const value = header[position] === '"' ? takeQuoted() : (take(token) ?? '')
    return [name.toLowerCase(), value]
  }

  function takeQuoted(): string {
    let value = ''
    position += 1
    while (position < header.length && header[position] !== '"') {
      if (header[position] === '\\') position += 1
      value += header[position] ?? ''
      position += 1
    }
    position += 1
    return value
  }

  while (challenges.length < maxChallenges) {
    take(separators)
    const scheme = take(token)
    if (scheme === undefined) return challenges
    take(spaces)
    take(token68)
    const parameters: Record<string, string> = {}
    for (let pair = takeParameter(); pair !== undefined; pair = takeParameter()) {
      if (!Object.hasOwn(parameters, pair[0])) parameters[pair[0]] = pair[1]
    }
    challenges.push({ scheme: scheme.toLowerCase(), parameters })
  }
  return challenges
}
