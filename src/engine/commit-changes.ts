import { expandInstruction, parseDockerfile, parsePort } from '@dockerfile/parser'
import type { CommandLine, Instruction } from '@dockerfile/parser'
import { invalidFlag } from '../base/flag-error.ts'
import type { ContainerConfig } from '../oci/types.ts'

const allowed = [
  'cmd',
  'entrypoint',
  'env',
  'expose',
  'healthcheck',
  'label',
  'onbuild',
  'stopsignal',
  'user',
  'volume',
  'workdir',
]

/** A container's configuration with Dockerfile instructions applied to it (`commit --change`, `import --change`). USAGE for what is none of those that may change one. */
export function changeConfig(config: ContainerConfig, changes: readonly string[]): ContainerConfig {
  return changes.reduce((current, text) => applyChange(current, parseChange(text)), config)
}

function parseChange(text: string): Instruction {
  const parsed = parseDockerfile(`FROM scratch\n${text}`)
  const error = parsed.diagnostics.find(({ severity }) => severity === 'error')
  const [instruction, more] = parsed.stages[0]?.instructions ?? []
  if (error !== undefined || instruction === undefined || more !== undefined) {
    throw invalidFlag('--change', text, error?.message ?? 'expected one instruction')
  }
  if (allowed.includes(instruction.kind)) return instruction
  const hint = `Instructions: ${allowed.join(', ').toUpperCase()}`
  throw invalidFlag('--change', text, `${instruction.keyword.text} is not a valid change command`, hint)
}

function applyChange(config: ContainerConfig, parsed: Instruction): ContainerConfig {
  const { instruction } = expandInstruction(parsed, environmentOf(config), '\\')
  switch (instruction.kind) {
    case 'cmd':
      return { ...config, Cmd: commandOf(config, instruction.command) }
    case 'entrypoint':
      return { ...config, Entrypoint: commandOf(config, instruction.command) }
    case 'env': {
      const pairs = instruction.pairs.map(({ key, value }) => `${key.text}=${value.text}`)
      const names = new Set(instruction.pairs.map(({ key }) => key.text))
      return {
        ...config,
        Env: [...(config.Env ?? []).filter((entry) => !names.has(entry.split('=', 1)[0] ?? '')), ...pairs],
      }
    }
    case 'label': {
      const pairs = instruction.pairs.map(({ key, value }) => [key.text, value.text])
      return { ...config, Labels: { ...config.Labels, ...Object.fromEntries(pairs) } }
    }
    case 'expose': {
      const ports = instruction.ports.flatMap(({ text }) => {
        const read = parsePort(text)
        if (!read.ok) throw invalidFlag('--change EXPOSE', text, read.problem.message)
        return read.value.map((port) => [port, {}])
      })
      return { ...config, ExposedPorts: { ...config.ExposedPorts, ...Object.fromEntries(ports) } }
    }
    case 'user':
      return { ...config, User: instruction.user.text }
    case 'workdir':
      return { ...config, WorkingDir: joined(config.WorkingDir ?? '/', instruction.path.text) }
    case 'volume':
      return {
        ...config,
        Volumes: { ...config.Volumes, ...Object.fromEntries(instruction.paths.map(({ text }) => [text, {}])) },
      }
    case 'stopsignal':
      return { ...config, StopSignal: instruction.signal.text }
    case 'onbuild':
      return { ...config, OnBuild: [...(config.OnBuild ?? []), instruction.expression] }
    case 'healthcheck': {
      const { test, interval, timeout, startPeriod, startInterval, retries } = instruction
      if (test.kind === 'none') return { ...config, Healthcheck: { Test: ['NONE'] } }
      const { command } = test
      const Test =
        command.form === 'exec' ? ['CMD', ...command.args.map(({ text }) => text)] : ['CMD-SHELL', command.line.text]
      const given = {
        Interval: interval,
        Timeout: timeout,
        StartPeriod: startPeriod,
        StartInterval: startInterval,
        Retries: retries,
      }
      const set = Object.entries(given).filter(([, value]) => value !== 0)
      return { ...config, Healthcheck: { Test, ...Object.fromEntries(set) } }
    }
    default:
      throw new Error(`${instruction.kind} passed the check of allowed changes`)
  }
}

function commandOf(config: ContainerConfig, command: CommandLine): readonly string[] {
  if (command.form === 'exec') return command.args.map(({ text }) => text)
  return [...(config.Shell ?? ['/bin/sh', '-c']), command.line.text]
}

function environmentOf(config: ContainerConfig): ReadonlyMap<string, string> {
  return new Map(
    (config.Env ?? []).map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]),
  )
}

function joined(base: string, path: string): string {
  return path.startsWith('/') ? path : `${base.replace(/\/$/, '')}/${path}`
}
