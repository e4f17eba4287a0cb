import type { PlatformName } from '../values/platform-name.ts'

/** What is known about an image that the file refers to. */
export interface ImageFacts {
  /** `NAME=value` */
  readonly env?: readonly string[]
  readonly shell?: readonly string[]
  readonly workingDir?: string
  /** Triggers, as the config stores them. */
  readonly onbuild?: readonly string[]
  readonly platform?: PlatformName
}

/** What a build would bring along. Without it the file is judged by its defaults. */
export interface AnalyzeOptions {
  /** `--build-arg` */
  readonly buildArgs?: ReadonlyMap<string, string>
  /** `--target`; without it every stage is looked at, and the last one is built. */
  readonly target?: string
  /** Looks only at the stages that the target needs, also when that is the last stage because none is named. */
  readonly onlyTarget?: true
  readonly targetPlatform?: PlatformName
  readonly buildPlatform?: PlatformName
  /** Names given by `--build-context`. They replace stages and images. */
  readonly namedContexts?: ReadonlySet<string>
  /** Facts about an image, `undefined` when they are not known: what depends on them is then left open. */
  readonly image?: (name: string) => ImageFacts | undefined
}
