import { optional, readJson } from '../oci/json.ts'
import type { JsonReader } from '../oci/json.ts'
import { familiarRepository, isTag } from '../oci/reference.ts'
import type { Repository } from '../oci/reference.ts'
import { catalogScope } from './auth/scope.ts'
import type { RegistryClient, RegistryResponse } from './client.ts'
import { walkPages } from './pages.ts'
import { readDocument } from './read-document.ts'

export interface ListOptions {
  readonly signal: AbortSignal
  readonly notify?: (note: string) => void
}

const maxNames = 500_000
/** ECR refuses a larger page. */
const pageSize = '1000'
const maxPageBytes = 16 * 1024 * 1024

/** Tags of a repository, in the registry's order. Digests that Artifactory lists among them are left out. Errors: REGISTRY_*. */
export function listTags(client: RegistryClient, repository: Repository, options: ListOptions): AsyncGenerator<string> {
  const action = `Cannot list the tags of "${familiarRepository(repository)}"`
  return walkPages(async (next) => {
    const send = (): Promise<RegistryResponse> =>
      client.send(repository, {
        method: 'GET',
        path: next ?? '/tags/list',
        ...(next === undefined ? { query: { n: pageSize } } : {}),
        access: 'write',
        actions: ['pull'],
        action,
        expect: [200],
        ...options,
      })
    const page = await readNames(client, send, 'tags', action, options)
    return { ...page, items: page.items.filter(isTag) }
  })
}

/** Names of the repositories that a registry lists; many (Docker Hub among them) do not. Errors: REGISTRY_*. */
export function listRepositories(client: RegistryClient, host: string, options: ListOptions): AsyncGenerator<string> {
  const action = `Cannot list the repositories of ${host}`
  return walkPages(async (next) => {
    const send = (): Promise<RegistryResponse> =>
      client.sendToHost(host, {
        method: 'GET',
        path: next ?? '_catalog',
        ...(next === undefined ? { query: { n: pageSize } } : {}),
        scopes: [catalogScope],
        action,
        expect: [200],
        ...options,
      })
    return readNames(client, send, 'repositories', action, options)
  })
}

async function readNames(
  client: RegistryClient,
  send: () => Promise<RegistryResponse>,
  member: string,
  action: string,
  options: ListOptions,
): Promise<{ readonly response: RegistryResponse; readonly items: readonly string[] }> {
  const { response, bytes } = await readDocument(client, send, { limit: maxPageBytes, what: 'the list', ...options })
  const names = readJson(bytes, { code: 'REGISTRY_PROTOCOL', what: `the answer (${action})` }).get(member)
  return { response, items: optional(names, (list: JsonReader) => list.list((item) => item.string(), maxNames)) ?? [] }
}
