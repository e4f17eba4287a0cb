import { expandWord, hasWildcard } from '@dockerfile/parser'
import type { AddInstruction, CopyInstruction, Word } from '@dockerfile/parser'
import { mainContext } from '../context/build-context.ts'
import { problemError } from '../located.ts'
import type { BuildVertex, CopyFrom, CopySource, FileAction, Op } from '../ops/op.ts'
import { makeVertex } from '../solver/vertex.ts'
import { checkChmod } from './chmod.ts'
import { expandHere, ignoresCache, mistake, place } from './site.ts'
import type { Site } from './site.ts'
import { cleanPath, joinPath } from './go-format.ts'
import { resolveDestination, resolveSource } from './paths.ts'
import { remoteSource } from './remote.ts'
import { rootOf } from './root.ts'
import { addHistory } from './stage-state.ts'
import type { FileSource } from './stage-state.ts'
import { nameStep, showInstruction } from './step-name.ts'
import { clampOf } from './epoch.ts'

type Transfer = CopyInstruction | AddInstruction

/** What all actions of one COPY or ADD share. */
interface Shared {
  readonly dest: string
  readonly owner: string
  readonly chmod: string
  readonly exclude: readonly string[]
  readonly parents: boolean
}

/** COPY and ADD: one step, however many sources. Paths are copied first, then inline documents. */
export function dispatchTransfer(site: Site, instruction: Transfer): void {
  const { state, request, node, command } = site
  const { dockerfile, multiPlatform } = request
  const keyword = instruction.kind === 'add' ? 'ADD' : 'COPY'
  const range = place(site, instruction.range)
  const destination = expandHere(site, instruction.destination)
  const owner = instruction.chown === undefined ? '' : expandHere(site, instruction.chown)
  const chmod = instruction.chmod === undefined ? '' : expandHere(site, instruction.chmod)
  if (instruction.chmod !== undefined) checkChmod(site, instruction.chmod.range, chmod)
  const shared: Shared = {
    dest: resolveDestination(state.workdir, destination),
    owner,
    chmod,
    exclude: instruction.excludes.map((word) => word.text),
    parents: instruction.kind === 'copy' && instruction.parents,
  }
  const text = showInstruction(instruction.code, state.env, { escape: dockerfile.directives.escape, verbatim: false })
  const { platform } = state
  const name = nameStep(node, text, {
    platform,
    targetPlatform: request.targetPlatform,
    multiPlatform,
    onbuild: command.onbuild,
  })

  const inputs: (BuildVertex | null)[] = [rootOf(state.source, '/', range)]
  const actions: FileAction[] = []
  const written: string[] = []
  for (const source of instruction.sources) {
    if (source.kind !== 'path') continue
    const path = expandHere(site, source.path)
    written.push(path)
    addPath({ site, instruction, shared, inputs, actions, name }, path, source.path)
  }
  for (const source of instruction.sources) {
    if (source.kind !== 'heredoc') continue
    written.push(`<<${source.heredoc.name}`)
    actions.push(inlineFile(site, source, shared))
  }

  const op: Op = {
    kind: 'files',
    detached: instruction.link && chmod === '',
    actions,
    ...clampOf(request),
  }
  const vertex = makeVertex(op, inputs, { name, ignoreCache: ignoresCache(site), range })
  const flags = [
    ...(shared.parents ? ['--parents'] : []),
    ...(owner === '' ? [] : [`--chown=${owner}`]),
    ...(chmod === '' ? [] : [`--chmod=${chmod}`]),
  ]
  addHistory(state, `${[keyword, ...flags, ...written, destination].join(' ')} # buildkit`, vertex)
}

interface Draft {
  readonly site: Site
  readonly instruction: Transfer
  readonly shared: Shared
  /** Grow with the sources. */
  readonly inputs: (BuildVertex | null)[]
  readonly actions: FileAction[]
  readonly name: string
}

function addPath(draft: Draft, path: string, word: Word): void {
  const { site, instruction, shared, inputs, actions, name } = draft
  const remote = remoteSource(site, instruction, path, word.range)
  if (remote === undefined) {
    const archives = unpacks(instruction, instruction.kind === 'add')
    addLocal(draft, path, copyFrom(draft), archives)
    return
  }
  const vertex = makeVertex<Op>(remote, [], { name, ignoreCache: ignoresCache(site), range: place(site, word.range) })
  inputs.push(vertex)
  actions.push({
    op: 'copy',
    ...shared,
    from: { kind: 'input', index: inputs.length - 1 },
    sources: [{ path: remote.kind === 'http' ? `/${remote.name}` : '/', wildcard: false }],
    archives: remote.kind === 'http' ? unpacks(instruction, false) : 'keep',
  })
}

/** Sources of one place become one action, so that "several sources need a directory" can be seen. */
function addLocal({ actions, shared }: Draft, path: string, from: CopyFrom, archives: 'keep' | 'auto'): void {
  const source = shared.parents ? parentsSource(path) : plainSource(path)
  const last = actions.at(-1)
  if (last?.op === 'copy' && JSON.stringify(last.from) === JSON.stringify(from) && last.archives === archives) {
    actions[actions.length - 1] = { ...last, sources: [...last.sources, source] }
  } else {
    actions.push({ op: 'copy', ...shared, from, sources: [source], archives })
  }
}

function plainSource(path: string): CopySource {
  const full = resolveSource(path)
  return { path: full, wildcard: hasWildcard(full) }
}

/** `--parents`: what stands before `/./` is the place to start from, what stands behind it keeps its path. */
function parentsSource(path: string): CopySource {
  const at = path.indexOf('/./')
  const start = at < 0 ? '/' : resolveSource(path.slice(0, at))
  const kept = cleanPath(joinPath('/', at < 0 ? path : path.slice(at + 3))).slice(1)
  const wildcard = hasWildcard(start) || hasWildcard(kept)
  return { path: joinPath(start, kept), wildcard, pivot: start }
}

function unpacks({ kind, ...instruction }: Transfer, byDefault: boolean): 'keep' | 'auto' {
  const wanted = kind === 'add' && 'unpack' in instruction ? instruction.unpack : undefined
  return (wanted ?? byDefault) ? 'auto' : 'keep'
}

/** The build context, or the stage of --from, which must be done. */
function copyFrom({ site, instruction, inputs }: Draft): CopyFrom {
  if (instruction.kind === 'add' || instruction.from === undefined || instruction.from.text === '') {
    site.contexts.add(mainContext)
    return { kind: 'context', name: mainContext }
  }
  const source = site.command.sources[0]
  if (source?.state === undefined || !source.done) {
    const { text, range } = instruction.from
    throw mistake(
      site,
      range,
      'STAGE_ORDER',
      `Stage "${text}" is used before it is defined`,
      'Move it above this stage',
    )
  }
  return useSource(site, source.state.source, inputs)
}

function useSource(site: Site, source: FileSource, inputs: (BuildVertex | null)[]): CopyFrom {
  if (source.kind === 'context') {
    site.contexts.add(source.name)
    return source
  }
  const known = inputs.findIndex((input, at) => at > 0 && input?.digest === source.vertex?.digest)
  if (known > 0) return { kind: 'input', index: known }
  inputs.push(source.vertex)
  return { kind: 'input', index: inputs.length - 1 }
}

type InlineSource = Extract<Transfer['sources'][number], { readonly kind: 'heredoc' }>

function inlineFile(site: Site, source: InlineSource, shared: Shared): FileAction {
  const { dest, owner, chmod } = shared
  const { name } = source.heredoc
  return { op: 'write', name, dest, data: inlineData(site, source), mode: 0o644, owner, chmod }
}

/** Variables are replaced unless the marker is quoted; quotes are ordinary characters here, the escape is always a backslash. */
function inlineData(site: Site, { heredoc, content }: InlineSource): string {
  if (!heredoc.expand) return content
  const { value, error } = expandWord(content, site.state.env, { literalQuotes: true })
  if (error !== undefined) throw problemError(site.request.dockerfile, place(site, heredoc.contentRange), error)
  return value
}
