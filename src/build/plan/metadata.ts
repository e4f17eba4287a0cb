import { expandWord, expandWords, parsePort, parseSignal } from '@dockerfile/parser'
import type {
  ArgInstruction,
  CommandLine,
  ExposeInstruction,
  HealthcheckInstruction,
  Instruction,
} from '@dockerfile/parser'
import type { Healthcheck } from '../../oci/types.ts'
import { problemError } from '../located.ts'
import { controlArgs } from './arguments.ts'
import { expandHere, mistake, place } from './site.ts'
import type { Site } from './site.ts'
import { setVariable } from './environment.ts'
import { goDuration, goList, goQuoteList } from './go-format.ts'
import { addHistory, setConfig } from './stage-state.ts'
import type { StageState } from './stage-state.ts'

export type MetadataInstruction = Exclude<
  Instruction,
  { readonly kind: 'run' | 'copy' | 'add' | 'workdir' | 'from' | 'invalid' }
>

/** Instructions that change the image's config, or the stage's variables, and no file. */
export function dispatchMetadata(site: Site, instruction: MetadataInstruction): void {
  const { state } = site
  const config = state.image.config
  switch (instruction.kind) {
    case 'env': {
      // All values are expanded before the first is set: `ENV X=new Y=$X` gives Y the old X.
      const pairs = instruction.pairs.map(({ key, value }) => [expandHere(site, key), expandHere(site, value)] as const)
      for (const [name, value] of pairs) state.env = state.env.with(name, value)
      const Env = pairs.reduce((env, [name, value]) => setVariable(env, name, value), config.Env ?? [])
      return setConfig(state, { Env }, `ENV ${pairs.map(([name, value]) => `${name}=${value}`).join(' ')}`)
    }
    case 'label': {
      const pairs = instruction.pairs.map(({ key, value }) => [expandHere(site, key), expandHere(site, value)] as const)
      const Labels = { ...config.Labels, ...Object.fromEntries(pairs) }
      return setConfig(state, { Labels }, `LABEL ${pairs.map(([name, value]) => `${name}=${value}`).join(' ')}`)
    }
    case 'arg':
      return declareArguments(site, instruction)
    case 'expose':
      return expose(site, instruction)
    case 'cmd': {
      const Cmd = commandOf(state, instruction.command)
      state.cmdSet = true
      return setConfig(state, { Cmd, ArgsEscaped: true }, `CMD ${goQuoteList(Cmd)}`)
    }
    case 'entrypoint': {
      const Entrypoint = commandOf(state, instruction.command)
      // A CMD that the base brought belongs to the base's entrypoint.
      if (!state.cmdSet) dropCommand(state)
      return setConfig(state, { Entrypoint }, `ENTRYPOINT ${goQuoteList(Entrypoint)}`)
    }
    case 'healthcheck': {
      const check = healthcheckOf(instruction)
      return setConfig(state, { Healthcheck: check }, `HEALTHCHECK ${showHealthcheck(check)}`)
    }
    case 'user': {
      const user = expandHere(site, instruction.user)
      state.user = user
      return setConfig(state, { User: user }, `USER ${user}`)
    }
    case 'volume': {
      const paths = instruction.paths.map((word) => {
        const path = expandHere(site, word)
        if (path === '') throw mistake(site, word.range, 'ARGUMENTS_INVALID', 'A VOLUME path is empty')
        return path
      })
      const Volumes = { ...config.Volumes, ...Object.fromEntries(paths.map((path) => [path, {}])) }
      return setConfig(state, { Volumes }, `VOLUME ${goList(paths)}`)
    }
    case 'stopsignal': {
      const signal = expandHere(site, instruction.signal)
      const checked = parseSignal(signal)
      if (!checked.ok)
        throw problemError(site.request.dockerfile, place(site, instruction.signal.range), checked.problem)
      return setConfig(state, { StopSignal: signal }, `STOPSIGNAL ${signal}`)
    }
    case 'shell': {
      const Shell = instruction.args.map((word) => word.text)
      return setConfig(state, { Shell }, `SHELL ${goList(Shell)}`)
    }
    case 'maintainer':
      state.image = { ...state.image, author: instruction.name.text }
      return addHistory(state, `MAINTAINER ${instruction.name.text}`)
    case 'onbuild': {
      const OnBuild = [...(config.OnBuild ?? []), instruction.expression]
      state.image = { ...state.image, config: { ...config, OnBuild } }
      return
    }
  }
}

const defaultShell = ['/bin/sh', '-c'] as const

/** The argument list of a command line: shell form goes to the shell of SHELL. */
export function commandOf(state: StageState, command: CommandLine): readonly string[] {
  if (command.form === 'exec') return command.args.map((word) => word.text)
  return [...shellOf(state), command.line.text]
}

export function shellOf({ image }: StageState): readonly string[] {
  const { Shell = [] } = image.config
  return Shell.length > 0 ? Shell : defaultShell
}

function dropCommand(state: StageState): void {
  const { Cmd: _, ...config } = state.image.config
  state.image = { ...state.image, config }
}

/** ARG: `--build-arg` wins over the default, a global argument fills in where there is neither. */
function declareArguments(site: Site, { args }: ArgInstruction): void {
  const { state, request, globals } = site
  const shown: string[] = []
  for (const { name, default: fallback } of args) {
    const value = request.buildArgs.get(name) ?? defaultOf(site, fallback) ?? globals.get(name)
    if (value !== undefined && !controlArgs.has(name)) state.env = state.env.with(name, value)
    state.args = [...state.args, value === undefined ? { name } : { name, value }]
    shown.push(value === undefined ? name : `${name}=${value}`)
  }
  addHistory(state, `ARG ${shown.join(' ')}`)
}

function defaultOf(site: Site, fallback: ArgInstruction['args'][number]['default']): string | undefined {
  if (fallback === undefined) return undefined
  const { dockerfile } = site.request
  const { value, error } = expandWord(fallback.text, site.state.env, { escape: dockerfile.directives.escape })
  if (error !== undefined) throw problemError(dockerfile, place(site, fallback.range), error)
  return value
}

function expose(site: Site, { ports }: ExposeInstruction): void {
  const { state, request } = site
  const { dockerfile } = request
  const listed: string[] = []
  // BuildKit sorts the words as they are written; the history shows that order.
  for (const word of ports.toSorted((a, b) => Buffer.compare(Buffer.from(a.text), Buffer.from(b.text)))) {
    const { words, error } = expandWords(word.text, state.env, { escape: dockerfile.directives.escape })
    if (error !== undefined) throw problemError(dockerfile, place(site, word.range), error)
    for (const text of words) {
      const parsed = parsePort(text)
      if (!parsed.ok) throw problemError(dockerfile, place(site, word.range), parsed.problem)
      listed.push(...parsed.value)
    }
  }
  const ExposedPorts = { ...state.image.config.ExposedPorts, ...Object.fromEntries(listed.map((port) => [port, {}])) }
  setConfig(state, { ExposedPorts }, `EXPOSE ${goList(listed)}`)
}

function healthcheckOf(instruction: HealthcheckInstruction): Healthcheck {
  const { test, interval, timeout, startPeriod, startInterval, retries } = instruction
  return {
    Test: testOf(test),
    ...(interval === 0 ? {} : { Interval: interval }),
    ...(timeout === 0 ? {} : { Timeout: timeout }),
    ...(startPeriod === 0 ? {} : { StartPeriod: startPeriod }),
    ...(startInterval === 0 ? {} : { StartInterval: startInterval }),
    ...(retries === 0 ? {} : { Retries: retries }),
  }
}

/** The shell form is left to the shell of the image that runs, not to SHELL. */
function testOf(test: HealthcheckInstruction['test']): readonly string[] {
  if (test.kind === 'none') return ['NONE']
  const { command } = test
  return command.form === 'exec' ? ['CMD', ...command.args.map((word) => word.text)] : ['CMD-SHELL', command.line.text]
}

function showHealthcheck({
  Test = [],
  Interval = 0,
  Timeout = 0,
  StartPeriod = 0,
  StartInterval = 0,
  Retries = 0,
}: Healthcheck): string {
  const times = `Interval:${goDuration(Interval)} Timeout:${goDuration(Timeout)} StartPeriod:${goDuration(StartPeriod)}`
  return `{Test:${goList(Test)} ${times} StartInterval:${goDuration(StartInterval)} Retries:${Retries}}`
}
