import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { TsbuildError, hasCode } from '../../base/errors.ts'
import { readUserFile } from '../../base/user-file.ts'
import { parseBuildArgs, parseBuildContext, parseLabels } from '../../build/options/context-option.ts'
import { invalidFlag } from '../../base/flag-error.ts'
import { parseAnnotation } from '../../build/options/annotation-option.ts'
import { parseCacheFrom, parseCacheTo } from '../../build/options/cache-option.ts'
import { defaultOutput, parseOutput } from '../../build/options/output-option.ts'
import type { OutputSpec } from '../../build/options/output-option.ts'
import { parseSecret } from '../../build/options/secret-option.ts'
import type { SecretSource } from '../../build/ops/secrets.ts'
import { parseSsh } from '../../build/options/ssh-option.ts'
import { parseExtraHost } from '../../container/flags/host-flag.ts'
import type { BuildRequest } from '../../engine/build-request.ts'
import type { CommandContext, Input } from '../command.ts'
import type { buildFlags } from './build-flags.ts'
import { readStepLimits } from './step-limits.ts'

type BuildInput = Input<typeof buildFlags>

const entitlements = ['network.host', 'security.insecure', 'buildx.local.delete', 'device']

/** What the flags and the argument of `build` ask for. USAGE. */
export async function readBuildRequest(
  { flags, args }: BuildInput,
  { settings, terminal, signal }: CommandContext,
): Promise<BuildRequest> {
  let stdin: Promise<Uint8Array> | undefined
  const labels = parseLabels(flags.label)
  return {
    context: args[0] ?? '.',
    ...(flags.file === undefined ? {} : { file: flags.file }),
    stdin: () => (stdin ??= buffer(terminal.stdin)),
    tags: flags.tag,
    ...(flags.target === undefined ? {} : { target: flags.target }),
    buildArgs: await buildArgs(flags, settings, signal),
    labels,
    platforms: flags.platform.flatMap((list) => list.split(',')),
    contexts: new Map(flags['build-context'].map((text) => parseBuildContext(text))),
    network: flags.network,
    hosts: flags['add-host'].map((text) => {
      const host = parseExtraHost(text)
      const at = host.indexOf(':')
      return { name: host.slice(0, at), address: host.slice(at + 1) }
    }),
    noCache: flags['no-cache'] || flags['no-cache-filter'].flatMap((list) => list.split(',')),
    pull: pullPolicy(flags.pull),
    secrets: presentSecrets(flags.secret.map((text) => parseSecret(text, settings))),
    agents: new Map(await Promise.all(flags.ssh.map((text) => parseSsh(text, settings, signal)))),
    limits: readStepLimits(flags, settings),
    allow: new Set(flags.allow.flatMap((list) => list.split(',')).map(checkEntitlement)),
    ...(flags.jobs === undefined ? {} : { jobs: flags.jobs }),
    cacheFrom: flags['cache-from'].map((text) => parseCacheFrom(text, settings.cwd)),
    cacheTo: flags['cache-to'].map((text) => parseCacheTo(text, settings.cwd)),
    outputs: outputsOf(
      flags.output.map((text) => parseOutput(text, settings)),
      flags.push,
    ),
    annotations: flags.annotation.flatMap((text) => parseAnnotation(text, settings.platform)),
    verify: flags.verify,
    ...(flags['on-error'] === undefined ? {} : { onError: parseOnError(flags['on-error']) }),
    squash: flags.squash,
    stdout: () => terminal.stdout,
  }
}

/** As in docker a file that is not there is told at once, also where no step asks for it. SECRET_MISSING. */
function presentSecrets(secrets: readonly (readonly [string, SecretSource])[]): BuildRequest['secrets'] {
  for (const [id, source] of secrets) {
    if (source.kind === 'file' && !existsSync(source.path)) {
      throw new TsbuildError('SECRET_MISSING', `Cannot read secret "${id}": "${source.path}" does not exist`)
    }
  }
  return new Map(secrets)
}

/** `--push` pushes the image outputs, or makes one. */
function outputsOf(given: readonly OutputSpec[], push: boolean): readonly OutputSpec[] {
  if (!push) return given.length === 0 ? [defaultOutput()] : given
  if (!given.some((output) => output.kind === 'image')) return [...given, { ...defaultOutput(), push }]
  return given.map((output) => (output.kind === 'image' ? { ...output, push } : output))
}

/** Arguments of files come before those of flags; `--reproducible` clamps to 1970 where nothing else is said. */
async function buildArgs(
  flags: BuildInput['flags'],
  { cwd, env }: CommandContext['settings'],
  signal: AbortSignal,
): Promise<Map<string, string>> {
  const inFiles = await Promise.all(flags['build-arg-file'].map((path) => readArgFile(resolve(cwd, path), signal)))
  const args = parseBuildArgs([...inFiles.flat(), ...flags['build-arg']], env)
  const epoch = flags.timestamp ?? (flags.reproducible ? 0 : undefined)
  return epoch === undefined || args.has('SOURCE_DATE_EPOCH') ? args : args.set('SOURCE_DATE_EPOCH', String(epoch))
}

/** Lines NAME=VALUE; empty ones and those that begin with # do not count. */
async function readArgFile(path: string, signal: AbortSignal): Promise<readonly string[]> {
  try {
    const lines = (await readUserFile(path, signal)).toString().split('\n')
    return lines.map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#'))
  } catch (cause) {
    if (hasCode(cause, 'CANCELLED')) throw cause
    throw new TsbuildError('FILE_UNREADABLE', `Cannot read build arguments from "${path}"`, { cause })
  }
}

function pullPolicy(word: BuildInput['flags']['pull']): BuildRequest['pull'] {
  if (word === 'true') return 'always'
  return word === undefined || word === 'false' ? 'missing' : word
}

function parseOnError(text: string): NonNullable<BuildRequest['onError']> {
  if (text === 'shell') return { kind: 'shell' }
  const name = /^image[:=](.+)$/.exec(text)?.[1]
  if (name !== undefined) return { kind: 'image', name }
  throw invalidFlag('--on-error', text, 'there is no such way', 'It is "shell" or "image:NAME"')
}

/** `device=NAME` allows one device; here `device` allows all that steps ask for. */
function checkEntitlement(name: string): string {
  const [kind = ''] = name.split('=')
  if (entitlements.includes(kind)) return kind
  throw invalidFlag('--allow', name, 'there is no such entitlement', `They are ${entitlements.join(' and ')}`)
}
