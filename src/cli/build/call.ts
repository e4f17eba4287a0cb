import { encodeSource, formatOutline, formatTargets, outline, targets, toLintResult } from '@dockerfile/parser'
import type { Diagnostic } from '@dockerfile/parser'
import { TsbuildError } from '../../base/errors.ts'
import { problemsError } from '../../build/located.ts'
import { invalidFlag } from '../../base/flag-error.ts'
import { isBuildKitRule } from '../../engine/build-checks.ts'
import type { BuildRequest } from '../../engine/build-request.ts'
import type { DockerfileInspection } from '../../engine/inspect-dockerfile.ts'
import type { CommandContext } from '../command.ts'
import { checkText, violation } from './check-text.ts'

const methods = ['build', 'check', 'outline', 'targets'] as const

type Method = (typeof methods)[number]

export interface Call {
  readonly method: Method
  readonly format: 'text' | 'json'
}

/** Reads `--check` and `--call METHOD[,format=text|json]`; `lint` is docker's other word for `check`. USAGE. */
export function readCall(check: boolean, text = 'check'): Call {
  const [word = '', ...options] = text.split(',')
  const method = word === 'lint' ? 'check' : methods.find((name) => name === word)
  if (method === undefined) {
    throw invalidFlag('--call', text, `there is no method "${word}"`, `They are ${methods.join(', ')}`)
  }
  const formats = options.map((option) => /^format=(text|json)$/.exec(option)?.[1])
  if (formats.includes(undefined)) {
    throw invalidFlag('--call', text, 'only a format can stand behind the method', 'Write format=text or format=json')
  }
  return { method: check ? 'check' : method, format: formats.at(-1) === 'json' ? 'json' : 'text' }
}

/** Answers a question about the Dockerfile in docker's form. The status is 1 when there are errors, or warnings of docker's checks. */
export async function runCall(
  { method, format }: Call & { readonly method: Exclude<Method, 'build'> },
  request: BuildRequest,
  context: CommandContext,
): Promise<number> {
  const { inspectDockerfile } = await import('../../engine/inspect-dockerfile.ts')
  const engine = await context.openEngine()
  const inspection = await inspectDockerfile(engine, request, { measure: method === 'check' }, context)
  const { terminal } = context
  const { dockerfile, checks } = inspection
  if (method === 'check') {
    terminal.print(format === 'json' ? json(lintResult(inspection)) : checkText(inspection))
    return checks.diagnostics.some(decides) ? 1 : 0
  }
  refuseErrors(inspection, method === 'targets' ? dockerfile.diagnostics : checks.diagnostics)
  const sources = [Buffer.from(encodeSource(dockerfile.source)).toString('base64')]
  if (method === 'targets') {
    const list = targets(dockerfile)
    terminal.print(format === 'json' ? json({ ...list, sources }) : formatTargets(list.targets))
  } else {
    const answer = outline(checks.analysis)
    terminal.print(format === 'json' ? json({ ...answer, sources }) : formatOutline(answer))
  }
  return 0
}

/** As BuildKit, which names broken enforced checks where there is no other error. */
function lintResult({ dockerfile, checks }: DockerfileInspection): object {
  const result = toLintResult(dockerfile, checks.diagnostics)
  if (result.buildError !== undefined || checks.failed.length === 0) return result
  return { ...result, buildError: { message: violation(checks.failed), location: {} } }
}

function decides({ severity, rule }: Diagnostic): boolean {
  return severity === 'error' || isBuildKitRule(rule)
}

function refuseErrors({ dockerfile }: DockerfileInspection, diagnostics: readonly Diagnostic[]): void {
  const errors = diagnostics.filter(({ severity }) => severity === 'error')
  if (errors.length > 0) throw problemsError(dockerfile, errors)
  if (dockerfile.stages.length > 0) return
  throw new TsbuildError('DOCKERFILE_INVALID', `"${dockerfile.filename}" has no stage`)
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}
