import { checkDockerfile, checkRules } from '@dockerfile/parser'
import type { CheckOptions, CheckResult, ImageFacts, ParsedDockerfile } from '@dockerfile/parser'
import { TsbuildError, hasCode } from '../base/errors.ts'
import type { NoticeEvent } from '../base/events.ts'
import { problemError, withOthers } from '../build/located.ts'
import type { LocalImage } from '../image/image-service.ts'
import type { Platform } from '../oci/types.ts'
import type { BuildRequest } from './build-request.ts'

/** What the checks may know about a build. `images` are those at hand, by their names in the Dockerfile. */
export function checkOptions(
  { buildArgs, contexts, target }: BuildRequest,
  platforms: { readonly build: Platform; readonly target: Platform },
  images: ReadonlyMap<string, LocalImage>,
): CheckOptions {
  const check = buildArgs.get('BUILDKIT_DOCKERFILE_CHECK')
  return {
    buildArgs,
    ...(target === undefined || target === '' ? {} : { target }),
    buildPlatform: platforms.build,
    targetPlatform: platforms.target,
    namedContexts: new Set(contexts.keys()),
    image: (name) => factsOf(images.get(name)),
    ...(check === undefined ? {} : { check }),
  }
}

function factsOf(image: LocalImage | undefined): ImageFacts | undefined {
  if (image === undefined) return undefined
  const { os, architecture, variant, config = {} } = image.config
  return {
    env: config.Env ?? [],
    ...(config.Shell === undefined ? {} : { shell: config.Shell }),
    workingDir: config.WorkingDir ?? '',
    onbuild: config.OnBuild ?? [],
    platform: { os, architecture, ...(variant === undefined ? {} : { variant }) },
  }
}

/**
 * Checks the Dockerfile of a build. Enforced checks are made at once: CHECK_FAILED for what they find, DOCKERFILE_INVALID when their
 * options are malformed. The others wait until the build waits for something. Disposing says all warnings, in docker's words.
 */
export function startChecks(
  dockerfile: ParsedDockerfile,
  options: CheckOptions,
  say: (notice: NoticeEvent) => void,
): StartedChecks {
  let result: CheckResult | undefined
  const check = (): CheckResult => (result ??= checkDockerfile(dockerfile, options))
  const idle = setImmediate(check)
  let told = false
  const tell = (): void => {
    clearImmediate(idle)
    if (!told) tellWarnings(check(), say)
    told = true
  }
  const checks = { tell, [Symbol.dispose]: tell }
  if (dockerfile.directives.check === undefined && options.check === undefined) return checks
  try {
    refuseFailed(dockerfile, check())
  } catch (error) {
    checks[Symbol.dispose]()
    throw error
  }
  return checks
}

export interface StartedChecks extends Disposable {
  /** Says all warnings now. */
  tell(): void
}

/** Left to `check`: nearly every Dockerfile breaks it on purpose, and a warning that every build shows is one that nobody reads. */
const quietRules: ReadonlySet<string | undefined> = new Set(['UnpinnedBaseImage'])

function tellWarnings({ diagnostics }: CheckResult, say: (notice: NoticeEvent) => void): void {
  const warnings = diagnostics.filter(({ severity, rule }) => severity === 'warning' && !quietRules.has(rule))
  if (warnings.length === 0) return
  const lines = warnings.map(
    ({ rule, code, message, range }) => ` - ${rule ?? code}: ${message} (line ${range.start.line})`,
  )
  const heading = warnings.length === 1 ? '1 warning found:' : `${warnings.length} warnings found:`
  for (const text of [heading, ...lines]) say({ kind: 'notice', level: 'info', text })
}

/** What stopped a plan, together with the mistakes that the evaluation finds in other lines. */
export function withOtherMistakes(error: unknown, dockerfile: ParsedDockerfile, options: CheckOptions): unknown {
  if (!hasCode(error, 'DOCKERFILE_INVALID') || error.details['file'] !== dockerfile.filename) return error
  const { line, column } = error.details
  const ofText = new Set(dockerfile.diagnostics)
  const others = checkDockerfile(dockerfile, options).diagnostics.filter((diagnostic) => {
    const { start } = diagnostic.range
    // The evaluation may put the mistake that the plan met at another word of its line.
    const same = start.line === line && (start.column === column || !ofText.has(diagnostic))
    return diagnostic.severity === 'error' && !same
  })
  return withOthers(error, dockerfile, others)
}

function refuseFailed(dockerfile: ParsedDockerfile, { diagnostics, failed }: CheckResult): void {
  const malformed = diagnostics.find(({ code, severity }) => code === 'DIRECTIVE_INVALID' && severity === 'error')
  if (malformed !== undefined) throw problemError(dockerfile, malformed.range, malformed)
  if (failed.length > 0) throw checkFailed(dockerfile, failed)
}

function checkFailed({ filename }: ParsedDockerfile, rules: readonly string[]): TsbuildError {
  return new TsbuildError('CHECK_FAILED', `Cannot build "${filename}": it breaks ${rules.join(', ')}`, {
    hint: 'The checks are enforced by check=error=true; mend what they found, or leave one out with check=skip=NAME',
    details: { file: filename, rules },
  })
}

/** Whether a warning is BuildKit's own: those decide the exit status of `--check`, as they do there. */
export function isBuildKitRule(rule: string | undefined): boolean {
  return checkRules.find(({ name }) => name === rule)?.own !== true
}
