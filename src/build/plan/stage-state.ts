import type { Digest } from '../../oci/digest.ts'
import type { ContainerConfig, HistoryEntry, ImageConfig, Platform } from '../../oci/types.ts'
import type { BuildVertex } from '../ops/op.ts'
import { environmentFrom, setVariable, splitVariable } from './environment.ts'
import type { Environment } from './environment.ts'

/** Where files come from: a step's result (null: nothing yet), or a build context by name. */
export type FileSource =
  | { readonly kind: 'vertex'; readonly vertex: BuildVertex | null }
  | { readonly kind: 'context'; readonly name: string }

/** A history entry; `layer` names the step that makes its layer and thereby its time. */
export interface PlannedHistory extends HistoryEntry {
  readonly layer?: Digest
}

/** The image as far as the plan knows it: all but layers and times. */
export interface ImageDraft {
  readonly platform: Platform
  readonly author?: string
  readonly config: ContainerConfig
  readonly history: readonly PlannedHistory[]
}

/** A declared build argument; `value` is absent when none was given. */
export interface DeclaredArg {
  readonly name: string
  readonly value?: string
}

/** A stage while its instructions are taken in, one after the other. */
export interface StageState {
  source: FileSource
  image: ImageDraft
  /** Variables of ENV and ARG: what expansion and RUN see. An ARG after an ENV of the same name wins here, not in the image. */
  env: Environment
  workdir: string
  user: string
  platform: Platform
  args: readonly DeclaredArg[]
  /** A CMD stands in this stage. */
  cmdSet: boolean
}

/** BuildKit's mark on history entries; tools that show an image's history know it. */
const historyComment = 'buildkit.dockerfile.v0'

/** PATH where the base has none. */
export const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

export function scratchImage(platform: Platform): ImageDraft {
  return { platform, config: { Env: [`PATH=${defaultPath}`], WorkingDir: '/' }, history: [] }
}

/** What a stage takes over from its base image. */
export function draftOf(image: ImageConfig): ImageDraft {
  const { os, architecture, variant, author, config = {}, history = [] } = image
  const version = image['os.version']
  const features = image['os.features']
  return {
    platform: {
      os,
      architecture,
      ...(variant === undefined ? {} : { variant }),
      ...(version === undefined ? {} : { 'os.version': version }),
      ...(features === undefined ? {} : { 'os.features': features }),
    },
    ...(author === undefined ? {} : { author }),
    config,
    history,
  }
}

/** The state at the first instruction: variables, directory and user of the base image. */
export function startStage(source: FileSource, base: ImageDraft, platform: Platform): StageState {
  const env = base.config.Env ?? []
  const hasPath = environmentFrom(env).get('PATH') !== undefined
  const image: ImageDraft = {
    ...base,
    config: { ...base.config, Env: hasPath ? env : setVariable(env, 'PATH', defaultPath) },
  }
  return {
    source,
    image,
    env: environmentFrom(image.config.Env ?? []),
    workdir: image.config.WorkingDir ?? '',
    user: image.config.User ?? '',
    platform,
    args: [],
    cmdSet: false,
  }
}

/** The state of a stage that stands on another stage of the file. Its arguments carry over, its triggers do not. */
export function continueStage(base: StageState): StageState {
  const { OnBuild: _, ...config } = base.image.config
  const start = startStage(base.source, { ...base.image, config }, base.platform)
  const env = (config.Env ?? []).reduce((variables, entry) => variables.with(...splitVariable(entry)), base.env)
  return { ...start, env, args: base.args }
}

/** Changes the image's config and writes the history entry of an instruction that makes no layer. */
export function setConfig(state: StageState, change: ContainerConfig, createdBy: string): void {
  state.image = { ...state.image, config: { ...state.image.config, ...change } }
  addHistory(state, createdBy)
}

/** Writes a history entry; with a vertex it is the entry of that step's layer, which is then the stage's state. */
export function addHistory(state: StageState, createdBy: string, vertex?: BuildVertex): void {
  const entry: PlannedHistory = {
    created_by: createdBy,
    comment: historyComment,
    ...(vertex === undefined ? { empty_layer: true } : { layer: vertex.digest }),
  }
  state.image = { ...state.image, history: [...state.image.history, entry] }
  if (vertex !== undefined) state.source = { kind: 'vertex', vertex }
}
