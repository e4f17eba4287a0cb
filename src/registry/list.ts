import { optional, readJson } from '../oci/json.ts'
import type { JsonReader } from '../oci/json.ts'
import { familiarRepository, isTag } from '../oci/reference.ts'
import type { Repository } from '../oci/reference.ts'
import { catalogScope } from './auth/scope.ts'
import type { RegistryClient, RegistryResponse } from './client.ts'
import { walkPages } from './pages.ts'
import { readBody } from './transport/body.ts'

export interface ListOptions {
  readonly signal: AbortSignal
  readonly notify?: (note: string) => void
}

/** ECR refuses a larger page. */
const pageSize = '1000'
const maxPageBytes = 16 * 1024 * 1024

/** Tags of a repository, in the registry's order. Digests that Artifactory lists among them are left out. Errors: REGISTRY_*. */
export function listTags(client: RegistryClient, repository: Repository, options: ListOptions): AsyncGenerator<string> {
  const action = `Cannot list the tags of "${familiarRepository(repository)}"`
  return walkPages(async (next) => {
    const response = await client.send(repository, {
      method: 'GET',
      path: next ?? '/tags/list',
      ...(next === undefined ? { query: { n: pageSize } } : {}),
      access: 'write',
      actions: ['pull'],
      action,
      expect: [200],
      ...options,
    })
    return { response, items: (await readNames(client, response, 'tags', action)).filter(isTag) }
  })
}

/** Names of the repositories that a registry lists; many (Docker Hub among them) do not. Errors: REGISTRY_*. */
export function listRepositories(client: RegistryClient, host: string, options: ListOptions): AsyncGenerator<string> {
  const action = `Cannot list the repositories of ${host}`
  return walkPages(async (next) => {
    const response = await client.sendToHost(host, {
      method: 'GET',
      path: next ?? '_catalog',
      ...(next === undefined ? { query: { n: pageSize } } : {}),
      scopes: [catalogScope],
      action,
      expect: [200],
      ...options,
    })
    return { response, items: await readNames(client, response, 'repositories', action) }
  })
}

async function readNames(
  client: RegistryClient,
  response: RegistryResponse,
  member: string,
  action: string,
): Promise<readonly string[]> {
  const bytes = await readBody(response, { limit: maxPageBytes, deadline: client.timeouts.document, what: 'the list' })
  const names = readJson(bytes, { code: 'REGISTRY_PROTOCOL', what: `the answer (${action})` }).get(member)
  return optional(names, (list: JsonReader) => list.list((item) => item.string(), 1_000_000)) ?? []
}
