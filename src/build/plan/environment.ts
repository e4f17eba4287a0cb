/** Variables in order, as a step sees them: a name that is set again moves to the end, as in BuildKit. Immutable. */
export interface Environment {
  get(name: string): string | undefined
  keys(): Iterable<string>
  with(name: string, value: string): Environment
  /** `NAME=value`, in order. */
  list(): readonly string[]
}

export const emptyEnvironment: Environment = environmentOf(new Map())

export function environmentFrom(list: readonly string[]): Environment {
  return list.reduce((environment, entry) => environment.with(...splitVariable(entry)), emptyEnvironment)
}

/** `NAME=value` in two; a name alone has an empty value. */
export function splitVariable(entry: string): readonly [string, string] {
  const at = entry.indexOf('=')
  return at < 0 ? [entry, ''] : [entry.slice(0, at), entry.slice(at + 1)]
}

/** Sets a variable in an image's `Env`: in place when it is there, else at the end. */
export function setVariable(env: readonly string[], name: string, value: string): readonly string[] {
  const at = env.findIndex((entry) => splitVariable(entry)[0] === name)
  const entry = `${name}=${value}`
  return at < 0 ? [...env, entry] : env.with(at, entry)
}

function environmentOf(values: ReadonlyMap<string, string>): Environment {
  return {
    get: (name) => values.get(name),
    keys: () => values.keys(),
    with(name, value) {
      const next = new Map(values)
      next.delete(name)
      return environmentOf(next.set(name, value))
    },
    list: () => [...values].map(([name, value]) => `${name}=${value}`),
  }
}
