import { buffer } from 'node:stream/consumers'
import { parseBuildArgs, parseBuildContext, parseLabels } from '../../build/options/context-option.ts'
import { invalidOption } from '../../build/options/option-error.ts'
import { parseAnnotation } from '../../build/options/annotation-option.ts'
import { parseCacheFrom, parseCacheTo } from '../../build/options/cache-option.ts'
import { defaultOutput, parseOutput } from '../../build/options/output-option.ts'
import type { OutputSpec } from '../../build/options/output-option.ts'
import { parseSecret } from '../../build/options/secret-option.ts'
import { parseSsh } from '../../build/options/ssh-option.ts'
import { parseExtraHost } from '../../container/flags/host-flag.ts'
import { parseUlimit } from '../../container/flags/ulimit-flag.ts'
import type { BuildRequest } from '../../engine/build-request.ts'
import type { CommandContext, Input } from '../command.ts'
import type { buildFlags } from './build-flags.ts'

type BuildInput = Input<typeof buildFlags>

const entitlements = ['network.host', 'security.insecure', 'buildx.local.delete', 'device']

/** What the flags and the argument of `build` ask for. USAGE. */
export function readBuildRequest({ flags, args }: BuildInput, { settings, terminal }: CommandContext): BuildRequest {
  let stdin: Promise<Uint8Array> | undefined
  const labels = parseLabels(flags.label)
  return {
    context: args[0] ?? '.',
    ...(flags.file === undefined ? {} : { file: flags.file }),
    stdin: () => (stdin ??= buffer(terminal.stdin)),
    tags: flags.tag,
    ...(flags.target === undefined ? {} : { target: flags.target }),
    buildArgs: reproducible(parseBuildArgs(flags['build-arg'], settings.env), flags.reproducible),
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
    pull: flags.pull ? 'always' : 'missing',
    secrets: new Map(flags.secret.map((text) => parseSecret(text, settings))),
    agents: new Map(flags.ssh.map((text) => parseSsh(text, settings))),
    limits: {
      ...(flags.ulimit.length === 0 ? {} : { rlimits: flags.ulimit.map(parseUlimit) }),
      ...(flags['shm-size'] === undefined ? {} : { shmSize: flags['shm-size'] }),
      ...(flags['cgroup-parent'] === undefined ? {} : { cgroupParent: flags['cgroup-parent'] }),
      ...(flags['step-timeout'] === undefined ? {} : { timeoutMs: flags['step-timeout'] }),
      ...(flags.memory === undefined && flags.cpus === undefined
        ? {}
        : {
            limits: {
              ...(flags.memory === undefined ? {} : { memory: flags.memory }),
              ...(flags.cpus === undefined ? {} : { nanoCpus: Math.round(flags.cpus * 1e9) }),
            },
          }),
    },
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
    stdout: terminal.stdout,
  }
}

/** `--push` pushes the image outputs, or makes one. */
function outputsOf(given: readonly OutputSpec[], push: boolean): readonly OutputSpec[] {
  if (!push) return given.length === 0 ? [defaultOutput()] : given
  if (!given.some((output) => output.kind === 'image')) return [...given, { ...defaultOutput(), push }]
  return given.map((output) => (output.kind === 'image' ? { ...output, push } : output))
}

/** `--reproducible` clamps to 1970 where nothing else is said. */
function reproducible(args: Map<string, string>, wanted: boolean): Map<string, string> {
  return wanted && !args.has('SOURCE_DATE_EPOCH') ? args.set('SOURCE_DATE_EPOCH', '0') : args
}

function parseOnError(text: string): NonNullable<BuildRequest['onError']> {
  if (text === 'shell') return { kind: 'shell' }
  const name = /^image[:=](.+)$/.exec(text)?.[1]
  if (name !== undefined) return { kind: 'image', name }
  throw invalidOption('--on-error', text, 'there is no such way', 'It is "shell" or "image:NAME"')
}

function checkEntitlement(name: string): string {
  if (entitlements.includes(name)) return name
  throw invalidOption('--allow', name, 'there is no such entitlement', `They are ${entitlements.join(' and ')}`)
}
