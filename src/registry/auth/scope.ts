import type { Repository } from '../../oci/reference.ts'

/** distribution "Docker Registry Token Scope": `type:name:action[,action]`. */
export function repositoryScope({ repository }: Pick<Repository, 'repository'>, ...actions: readonly string[]): string {
  return `repository:${repository}:${actions.join(',')}`
}

export const catalogScope = 'registry:catalog:*'

/** Joins scopes by resource with their actions sorted, so that equal demands are equal text. */
export function mergeScopes(scopes: readonly string[]): readonly string[] {
  const resources = new Map<string, Set<string>>()
  for (const scope of scopes.flatMap((text) => text.split(' ')).filter((text) => text !== '')) {
    const colon = scope.lastIndexOf(':')
    const resource = scope.slice(0, Math.max(colon, 0))
    const actions = resources.get(resource) ?? new Set()
    for (const action of scope.slice(colon + 1).split(',')) actions.add(action)
    resources.set(resource, actions)
  }
  return [...resources].map(([resource, actions]) => `${resource}:${[...actions].sort().join(',')}`).sort()
}
