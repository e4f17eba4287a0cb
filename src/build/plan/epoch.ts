import { classifySource, expandWord, nearest } from '@dockerfile/parser'
import type { AddInstruction, ArgDefinition, GitSource, ParsedDockerfile, Range, Stage, Word } from '@dockerfile/parser'
import { TsbuildError } from '../../base/errors.ts'
import { isDigest } from '../../oci/digest.ts'
import type { Digest } from '../../oci/digest.ts'
import { mainContext } from '../context/build-context.ts'
import { locatedError, problemError } from '../located.ts'
import { globalArguments } from './arguments.ts'
import type { Environment } from './environment.ts'
import type { PlanRequest } from './request.ts'

const name = 'SOURCE_DATE_EPOCH'

/** What has the time that SOURCE_DATE_EPOCH stands for. */
export type EpochSource =
  | { readonly kind: 'seconds'; readonly seconds: number }
  /** A build context, by its name. */
  | { readonly kind: 'context'; readonly name: string }
  /** What the ADD of a stage fetches. */
  | { readonly kind: 'http'; readonly url: string; readonly checksum?: Digest }
  | { readonly kind: 'git'; readonly git: GitSource }

type Request = Omit<PlanRequest, 'epoch'>

/**
 * SOURCE_DATE_EPOCH of the build arguments, else the default of an ARG before the first FROM: seconds, `context`, the name of a build
 * context, the name of a stage that only fetches. Undefined where it is not set or empty. USAGE, DOCKERFILE_INVALID.
 */
export function epochSource(request: Request): EpochSource | undefined {
  const declared = declaration(request.dockerfile)
  const value = request.buildArgs.get(name) ?? (declared === undefined ? undefined : globalArguments(request).get(name))
  if (value === undefined || value === '') return undefined
  if (/^[+-]?\d+$/.test(value) && inRange(Number(value))) return { kind: 'seconds', seconds: Number(value) }
  if (value === 'context') return { kind: 'context', name: mainContext }
  const lower = value.toLowerCase()
  const context = request.contexts.get(lower)
  // As in BuildKit an image has no time of its own.
  if (context !== undefined) return context.kind === 'files' ? { kind: 'context', name: lower } : undefined
  const stage = request.dockerfile.stages.find((one) => one.name === lower)
  if (stage !== undefined) return fetchedBy(request, stage)
  throw unreadable(request, value, request.buildArgs.has(name) ? undefined : declared?.default?.range)
}

/** The request with that time, or with none: the argument has the number, or is not set at all. */
export function withEpoch(request: Request, seconds: number | undefined): PlanRequest {
  const text = seconds === undefined ? undefined : String(seconds)
  const buildArgs = new Map(
    [...request.buildArgs].flatMap(([key, value]): [string, string][] => {
      if (key !== name) return [[key, value]]
      return text === undefined ? [] : [[key, text]]
    }),
  )
  const dockerfile = withDefault(request.dockerfile, text)
  return { ...request, buildArgs, dockerfile, ...(seconds === undefined ? {} : { epoch: seconds }) }
}

/** What the files of layers are clamped to: what is older than 1970 cannot be written down there. */
export function clampOf({ epoch }: Pick<PlanRequest, 'epoch'>): { readonly clamp?: number } {
  return epoch === undefined ? {} : { clamp: Math.max(0, epoch) }
}

function declaration({ globalArgs }: ParsedDockerfile): ArgDefinition | undefined {
  return globalArgs.flatMap(({ args }) => args).findLast((arg) => arg.name === name)
}

function withDefault(dockerfile: ParsedDockerfile, text: string | undefined): ParsedDockerfile {
  if (declaration(dockerfile) === undefined) return dockerfile
  const globalArgs = dockerfile.globalArgs.map((instruction) => ({
    ...instruction,
    args: instruction.args.flatMap((arg) => {
      if (arg.name !== name || arg.default === undefined) return [arg]
      return text === undefined ? [] : [{ ...arg, default: { ...arg.default, text } }]
    }),
  }))
  return { ...dockerfile, globalArgs }
}

/** Times that can be written down: years 0 to 9999. */
function inRange(seconds: number): boolean {
  return seconds >= -62_167_219_200 && seconds <= 253_402_300_799
}

function unreadable({ dockerfile, contexts }: Request, value: string, range: Range | undefined): TsbuildError {
  const near = nearest(value.toLowerCase(), [
    ...contexts.keys(),
    ...dockerfile.stages.flatMap((stage) => stage.name ?? []),
  ])
  const message = `Cannot read ${name} "${value}": expected seconds since 1970, "context", a build context or a stage`
  const hint = near === undefined ? 'Pass for example $(git log -1 --pretty=%ct)' : `Did you mean "${near}"?`
  if (range === undefined) return new TsbuildError('USAGE', message, { hint })
  return locatedError(dockerfile, range, 'DOCKERFILE_INVALID', message, { diagnostic: 'ARGUMENTS_INVALID', hint })
}

/** The one thing that such a stage fetches; what else it holds would have no time. */
function fetchedBy(request: Request, stage: Stage): EpochSource {
  const { dockerfile } = request
  const refuse = (range: Range, message: string): TsbuildError =>
    locatedError(dockerfile, range, 'DOCKERFILE_INVALID', message, {
      diagnostic: 'SOURCE_INVALID',
      hint: `The stage of ${name} is FROM scratch with a single ADD of a URL or a git repository`,
    })
  const expand = (word: Word, scope: Environment): string => {
    const { value, error } = expandWord(word.text, scope, { escape: dockerfile.directives.escape })
    if (error !== undefined) throw problemError(dockerfile, word.range, error)
    return value
  }
  let scope = globalArguments(withEpoch(request, undefined))
  if (expand(stage.from.image, scope) !== 'scratch')
    throw refuse(stage.from.range, `Stage "${stage.name}" cannot give ${name}: it is not FROM scratch`)
  let found: EpochSource | undefined
  for (const instruction of stage.instructions) {
    if (instruction.kind === 'arg') {
      for (const { name: key, default: fallback } of instruction.args) {
        const value = request.buildArgs.get(key) ?? (fallback === undefined ? undefined : expand(fallback, scope))
        if (value !== undefined) scope = scope.with(key, value)
      }
    } else if (instruction.kind === 'add') {
      const only = found === undefined ? remoteOf(instruction, (word) => expand(word, scope), dockerfile) : undefined
      if (only === undefined)
        throw refuse(
          instruction.range,
          `Stage "${stage.name}" cannot give ${name}: it has not one thing that is fetched`,
        )
      found = only
    } else {
      throw refuse(instruction.range, `Stage "${stage.name}" cannot give ${name}: it does more than fetch`)
    }
  }
  if (found === undefined)
    throw refuse(stage.from.range, `Stage "${stage.name}" cannot give ${name}: it fetches nothing`)
  return found
}

function remoteOf(
  { sources, checksum, keepGitDir }: AddInstruction,
  expand: (word: Word) => string,
  dockerfile: ParsedDockerfile,
): EpochSource | undefined {
  const [source, second] = sources
  if (source?.kind !== 'path' || second !== undefined) return undefined
  const url = expand(source.path)
  const classified = classifySource(url)
  if (!classified.ok) throw problemError(dockerfile, source.path.range, classified.problem)
  const wanted = checksum === undefined ? '' : expand(checksum)
  const remote = classified.value
  switch (remote.kind) {
    case 'local':
      return undefined
    case 'git': {
      const git = { ...remote.git, ...(wanted === '' ? {} : { checksum: wanted }) }
      return { kind: 'git', git: keepGitDir === undefined ? git : { ...git, keepGitDir } }
    }
    case 'http':
      // A checksum of another form is an error of the step itself, where that is part of the build.
      return { kind: 'http', url, ...(isDigest(wanted) ? { checksum: wanted } : {}) }
  }
}
