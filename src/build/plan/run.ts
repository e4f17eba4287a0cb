import { heredocContent } from '@dockerfile/parser'
import type { Heredoc, Range, RunInstruction } from '@dockerfile/parser'
import { formatPlatform } from '../../oci/platform.ts'
import { locatedError } from '../located.ts'
import type { BuildVertex, ExecMount, Op } from '../ops/op.ts'
import { makeVertex } from '../solver/vertex.ts'
import { ignoresCache, mistake, place } from './site.ts'
import type { Site } from './site.ts'
import { shellOf } from './metadata.ts'
import { planMounts } from './mounts.ts'
import { rootOf } from './root.ts'
import { addHistory } from './stage-state.ts'
import type { StageState } from './stage-state.ts'
import { nameStep, showInstruction } from './step-name.ts'
import { clampOf } from './epoch.ts'

/** Where the script of a `RUN <<EOF` with `#!` is put for the time it runs. */
const scriptDirectory = '/dev/pipes'

/** RUN: one step; its command sees the stage's variables, arguments included. */
export function dispatchRun(site: Site, instruction: RunInstruction): void {
  const { state, request, node, command } = site
  const { dockerfile, multiPlatform } = request
  refuseNothing(site, instruction)
  refusePrivilege(site, instruction)
  const range = place(site, instruction.range)
  const inputs: (BuildVertex | null)[] = [rootOf(state.source, '/', range)]
  const script = scriptOf(state, instruction)
  const mounts: ExecMount[] = [...planMounts(site, instruction, inputs)]
  if (script.document !== undefined) {
    inputs.push(scriptStep(script.document, range))
    mounts.unshift({ kind: 'bind', input: inputs.length - 1, source: '/', target: scriptDirectory, readonly: true })
  }
  const { platform } = state
  const masked = mounts.reduce(
    (env, mount) => (mount.kind === 'secret' && mount.env !== undefined ? env.with(mount.env, '****') : env),
    state.env,
  )
  const code = script.summary === undefined ? instruction.code : `${instruction.code} (${script.summary})`
  const text = showInstruction(code, masked, { escape: dockerfile.directives.escape, verbatim: true })
  const op: Op = {
    kind: 'exec',
    args: script.args,
    env: state.env.list(),
    cwd: state.workdir === '' ? '/' : state.workdir,
    user: state.user,
    mounts,
    network: instruction.network === 'default' ? request.network : instruction.network,
    security: instruction.security,
    devices: instruction.devices,
    hosts: request.hosts,
    hostname: request.buildArgs.get('BUILDKIT_SANDBOX_HOSTNAME') ?? '',
    platform: formatPlatform(platform),
    ...clampOf(request),
  }
  const vertex = makeVertex(op, inputs, {
    name: nameStep(node, text, {
      platform,
      targetPlatform: request.targetPlatform,
      multiPlatform,
      onbuild: command.onbuild,
    }),
    ignoreCache: ignoresCache(site),
    range,
  })
  const shown = [...argumentPrefix(state), ...script.args].join(' ')
  addHistory(state, `RUN ${shown} # buildkit`, vertex)
}

interface Script {
  readonly args: readonly string[]
  /** A file to be made first: the heredoc begins with `#!`. */
  readonly document?: { readonly name: string; readonly data: string }
  /** First line of a heredoc, for progress. */
  readonly summary?: string
}

/**
 * The command: a JSON form as it is; a line for the shell; a lone heredoc as the shell's script, or as a program of its own when
 * it begins with `#!`; a line with heredocs in it for the shell to read, with their bodies behind it.
 */
function scriptOf(state: StageState, { command, heredocs }: RunInstruction): Script {
  if (command.form === 'exec') return { args: command.args.map((word) => word.text) }
  const shell = shellOf(state)
  const line = command.line.text
  const [first] = heredocs
  if (first === undefined) return { args: [...shell, line] }
  if (!isWholeLine(command.line.range, first.range)) return { args: [...shell, withBodies(line, heredocs)] }
  const summary = summarise(first.content)
  const data = heredocContent(first)
  if (!data.startsWith('#!')) return { args: [...shell, data], summary }
  return { args: [`${scriptDirectory}/${first.name}`], document: { name: first.name, data }, summary }
}

function scriptStep(document: { readonly name: string; readonly data: string }, range: Range): BuildVertex {
  const op: Op = {
    kind: 'files',
    detached: false,
    actions: [{ op: 'write', ...document, dest: `/${document.name}`, mode: 0o755, owner: '', chmod: '' }],
  }
  return makeVertex(op, [null], { name: '[internal] prepare the inline document', ignoreCache: false, range })
}

function isWholeLine(line: Range, mark: Range): boolean {
  return line.start.offset === mark.start.offset && line.end.offset === mark.end.offset
}

function withBodies(line: string, heredocs: readonly Heredoc[]): string {
  return heredocs.reduce((text, { content, name }) => `${text}\n${content}${name}`, line)
}

function summarise(content: string): string {
  const lines = content.trim().split(/\r?\n/)
  return lines.length > 1 ? `${lines[0]}...` : (lines[0] ?? '')
}

/** `|2 A=1 B=2`: the arguments that the command saw, as docker writes them into the history. */
function argumentPrefix({ args, env }: StageState): readonly string[] {
  const values = new Map(args.map(({ name, value }) => [name, env.get(name) ?? value ?? '']))
  return values.size === 0 ? [] : [`|${values.size}`, ...[...values].map(([name, value]) => `${name}=${value}`)]
}

function refuseNothing(site: Site, { command }: RunInstruction): void {
  if (command.form !== 'exec' || command.args.length > 0) return
  throw mistake(site, command.range, 'ARGUMENTS_INVALID', 'RUN has no command')
}

function refusePrivilege(site: Site, instruction: RunInstruction): void {
  const { request } = site
  const wanted =
    instruction.security === 'insecure' && !request.allowInsecure
      ? 'security.insecure'
      : instruction.network === 'host' && !request.allowHostNetwork
        ? 'network.host'
        : undefined
  if (wanted === undefined) return
  const message = `The step wants the privilege "${wanted}"`
  throw locatedError(request.dockerfile, place(site, instruction.range), 'ENTITLEMENT_MISSING', message, {
    hint: `Allow it with --allow ${wanted}`,
  })
}
