import type { Checked } from '../diagnostics.ts'
import { bad, good, quoted } from '../diagnostics.ts'
import { cleanPath, parseBool } from '../go-text.ts'

export interface GitSource {
  /** Without fragment and query. */
  readonly remote: string
  /** A branch, tag or commit; empty for the default branch. */
  readonly ref: string
  /** Empty for the whole repository. */
  readonly subdir: string
  /** A commit or the beginning of one. */
  readonly checksum?: string
  readonly keepGitDir?: boolean
  readonly submodules?: boolean
  readonly mtime?: 'checkout' | 'commit'
  readonly fetchByCommit?: boolean
}

/** What a source of COPY or ADD names, after expansion. */
export type TransferSource =
  | { readonly kind: 'local' }
  | { readonly kind: 'http'; readonly filename: string }
  | { readonly kind: 'git'; readonly git: GitSource }

/** Tells local paths, URLs and git repositories apart as BuildKit does: an http address is git when its path ends in `.git`. */
export function classifySource(source: string): Checked<TransferSource> {
  const git = parseGitSource(source)
  if (git !== undefined) return git.ok ? good({ kind: 'git', git: git.value }) : git
  if (!/^https?:\/\//.test(source)) return good({ kind: 'local' })
  const path = source.replace(/^https?:\/\/[^/?#]*/, '').replace(/[?#].*$/s, '')
  const last = cleanPath(path).split('/').at(-1) ?? ''
  return good({ kind: 'http', filename: last === '' || last === '.' ? '__unnamed__' : decode(last) })
}

/** Reads a git address, `undefined` when it is none: `https://host/x.git`, `git://…`, `ssh://…`, `user@host:path`, with `#ref:subdir` or `?ref=…&subdir=…`. */
export function parseGitSource(source: string): Checked<GitSource> | undefined {
  const scp = /^[a-zA-Z0-9-_]+@[a-zA-Z0-9-.]+:/.test(source)
  const scheme = /^([a-zA-Z0-9]+):\/\//.exec(source)?.[1]?.toLowerCase()
  if (!scp && !['http', 'https', 'ssh', 'git'].includes(scheme ?? '')) return undefined
  const hash = source.indexOf('#')
  const fragment = hash === -1 ? '' : source.slice(hash + 1)
  const address = hash === -1 ? source : source.slice(0, hash)
  const mark = address.indexOf('?')
  const remote = mark === -1 ? address : address.slice(0, mark)
  if ((scheme === 'http' || scheme === 'https') && !remote.endsWith('.git')) return undefined
  const colon = fragment.indexOf(':')
  const ref = decode(colon === -1 ? fragment : fragment.slice(0, colon))
  const subdir = colon === -1 ? '' : cleanPath(`/${decode(fragment.slice(colon + 1))}`).slice(1)
  return readQuery(mark === -1 ? '' : address.slice(mark + 1), { remote, ref, subdir })
}

function readQuery(query: string, start: GitSource): Checked<GitSource> {
  let source: GitSource = start
  const fail = (what: string, hint?: string): Checked<never> =>
    bad('SOURCE_INVALID', `git source ${quoted(start.remote)} ${what}`, hint)
  const parameters = new URLSearchParams(query)
  const names = new Set(parameters.keys())
  for (const name of names) {
    const [value = '', second] = parameters.getAll(name)
    if (second !== undefined) return fail(`has ${quoted(name)} more than once in its query`)
    const isFlag = name === 'submodules' || name === 'keep-git-dir' || name === 'fetch-by-commit'
    if (value === '' && !isFlag) return fail(`has no value for ${quoted(name)} in its query`)
    const flag = value === '' ? true : parseBool(value)
    if (isFlag && flag === undefined) return fail(`has the invalid value ${quoted(value)} for ${quoted(name)}`)
    const ref =
      name === 'tag' ? withPrefix('refs/tags/', value) : name === 'branch' ? withPrefix('refs/heads/', value) : value
    switch (name) {
      case 'ref':
      case 'tag':
      case 'branch':
        if (source.ref !== '' && source.ref !== ref)
          return fail(`names two references, ${quoted(source.ref)} and ${quoted(ref)}`)
        source = { ...source, ref }
        break
      case 'subdir':
        if (source.subdir !== '' && source.subdir !== value) return fail('names two subdirectories')
        source = { ...source, subdir: value }
        break
      case 'checksum':
      case 'commit':
        source = { ...source, checksum: value }
        break
      case 'keep-git-dir':
        source = { ...source, keepGitDir: flag ?? true }
        break
      case 'submodules':
        source = { ...source, submodules: flag ?? true }
        break
      case 'fetch-by-commit':
        source = { ...source, fetchByCommit: flag ?? true }
        break
      case 'mtime':
        if (value !== 'checkout' && value !== 'commit')
          return fail(`has the invalid value ${quoted(value)} for "mtime"`, 'It is "checkout" or "commit"')
        source = { ...source, mtime: value }
        break
      default:
        return fail(
          `has the unknown key ${quoted(name)} in its query`,
          'Keys are "ref", "tag", "branch", "subdir", "checksum", "keep-git-dir", "submodules", "mtime", "fetch-by-commit"',
        )
    }
  }
  if (names.has('tag') && names.has('branch')) return fail('names a tag and a branch')
  return good(source)
}

function withPrefix(prefix: string, value: string): string {
  return value.startsWith(prefix) ? value : prefix + value
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (error) {
    if (error instanceof URIError) return text
    throw error
  }
}
