import { join } from 'node:path'
import type { CodeSplittingGroup } from 'rolldown'

interface Group {
  readonly name: string
  readonly entries: readonly string[]
  /** Only what nothing else imports: another command must not load the chunk for one small module of it. */
  readonly own: boolean
}

/**
 * Chunks that hold what some entries load together. Left to itself the bundler makes one for each set of commands that share a
 * module, and a build loads fifty; finding and opening each costs 0.2 ms. Earlier groups win.
 */
const groups: readonly Group[] = [
  { name: 'start', entries: ['cli/run-cli', 'base/version'], own: false },
  { name: 'command', entries: ['cli/parse', 'settings/read-settings', 'ui/error-report'], own: false },
  { name: 'engine', entries: ['engine/engine'], own: false },
  // What builds and containers have in common, without the rest of a build.
  {
    name: 'step',
    entries: [
      'cli/command',
      'cli/container/container-flags',
      'cli/container/limit-flags',
      'container/flags/host-flag',
      'container/flags/runtime-flag',
      'container/flags/ulimit-flag',
      'engine/image-name',
      'ui/progress/progress',
      'volume/csv-fields',
    ],
    own: false,
  },
  {
    name: 'sandbox',
    entries: ['base/signals', 'runtime/capabilities', 'runtime/default-mounts', 'runtime/seccomp-profile'],
    own: false,
  },
  {
    name: 'container',
    entries: [
      'cli/container/attach-choice',
      'cli/container/attach-io',
      'cli/container/cid-file',
      'cli/container/container-request',
      'ui/progress/quiet-display',
      'ui/progress/transfer-display',
    ],
    own: false,
  },
  {
    name: 'build',
    entries: ['cli/commands/build', 'cli/build/build-request', 'engine/build', 'cli/build/report-build'],
    own: true,
  },
  { name: 'run', entries: ['cli/commands/run', 'engine/run'], own: true },
]

type ModuleLookup = Parameters<Extract<CodeSplittingGroup['name'], (...args: never[]) => unknown>>[1]

const source = join(import.meta.dirname, '../src/')
/** Of the many modules of this package little is used outside of builds. */
const parser = join(source, 'dockerfile/')
const members = new Map<string, ReadonlySet<string>>()

export const chunkGroups: CodeSplittingGroup[] = groups.map((group, at) => ({
  debugName: group.name,
  name: (id: string, lookup: ModuleLookup) => (membersOf(group, lookup).has(id) ? group.name : null),
  priority: groups.length - at,
}))

function membersOf(group: Group, lookup: ModuleLookup): ReadonlySet<string> {
  const known = members.get(group.name)
  if (known !== undefined) return known
  const entries = group.entries.map((entry) => join(source, `${entry}.ts`))
  const all = closure(entries, lookup)
  const found = group.own ? new Set([...all].filter((id) => entries.includes(id) || isOwn(id, all, lookup))) : all
  members.set(group.name, found)
  return found
}

/** What loading the entries loads; dynamic imports are left out. */
function closure(entries: readonly string[], lookup: ModuleLookup): ReadonlySet<string> {
  const found = new Set<string>()
  const pending = [...entries]
  for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
    if (found.has(id)) continue
    const module = lookup.getModuleInfo(id)
    if (module === null) throw new Error(`There is no module "${id}" to group`)
    found.add(id)
    pending.push(...module.importedIds.filter((other) => other.startsWith(source) && !other.startsWith(parser)))
  }
  return found
}

function isOwn(id: string, all: ReadonlySet<string>, lookup: ModuleLookup): boolean {
  const module = lookup.getModuleInfo(id)
  return module !== null && [...module.importers, ...module.dynamicImporters].every((importer) => all.has(importer))
}
