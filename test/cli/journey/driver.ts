import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Cli, CliOptions, CliResult } from '../../helpers/tsbuild.ts'

/** A command line that understands docker's words: ours or docker itself. */
export interface Driver {
  readonly name: 'tsbuild' | 'docker'
  run(args: readonly string[], options?: CliOptions): Promise<CliResult>
  /** stdout of a command that must work. */
  ok(...args: readonly string[]): Promise<string>
  /** `HOST:PORT` of a registry that this command line reaches. */
  readonly registry: string
  /** At a terminal: for each step, waits until the output ends with the text and then types. */
  terminal(args: readonly string[], steps: readonly (readonly [seen: string, typed: string])[]): Promise<Typed>
  /** A line of shell in which `docker` is this command line. */
  shell(line: string, options?: CliOptions): Promise<CliResult>
}

/** What came of a command at a terminal. */
export interface Typed {
  readonly status: number
  readonly output: string
}

export function ownDriver(cli: Cli, program: string, registry: string): Driver {
  return {
    registry,
    terminal: (args, steps) =>
      typeAt([program, '--root', cli.root, ...args], steps, { cwd: cli.folder, env: cli.environment }),
    name: 'tsbuild',
    run: cli.run,
    ok: cli.ok,
    shell: (line, options) => {
      const alias = `docker() { '${program}' --root '${cli.root}' "$@"; }\n`
      return start('sh', ['-c', alias + line], {
        ...options,
        cwd: options?.cwd ?? cli.folder,
        env: cli.environment,
      })
    },
  }
}

export function peerDriver(command: readonly string[], cwd: string, registry: string): Driver {
  const [program = 'docker', ...first] = command
  const run: Driver['run'] = (args, options) => start(program, [...first, ...args], { cwd, ...options })
  return {
    name: 'docker',
    registry,
    terminal: (args, steps) => typeAt([...command, ...args], steps, { cwd }),
    run,
    async ok(...args) {
      const { status, stdout, stderr } = await run(args)
      if (status === 0) return stdout
      throw new Error(`docker ${args.join(' ')} ended with ${status}\n${stdout}${stderr}`)
    },
    shell: (line, options) =>
      start('sh', ['-c', `docker() { ${[...command].map((word) => `'${word}'`).join(' ')} "$@"; }\n${line}`], {
        cwd,
        ...options,
      }),
  }
}

async function start(program: string, args: readonly string[], options: CliOptions): Promise<CliResult> {
  const child = spawn(program, [...args], { cwd: options.cwd, env: { ...process.env, ...options.env }, stdio: 'pipe' })
  const output = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text))
  child.stdin.on('error', () => {})
  child.stdin.end(options.stdin ?? '')
  const [status] = (await once(child, 'close')) as [number | null]
  return { status: status ?? -1, ...output }
}

/** script(1) gives the command a terminal of its own, and its status. */
async function typeAt(
  words: readonly string[],
  steps: Parameters<Driver['terminal']>[1],
  options: CliOptions,
): Promise<Typed> {
  const line = words.map((word) => `'${word}'`).join(' ')
  const child = spawn('script', ['-qec', line, '/dev/null'], {
    cwd: options.cwd,
    env: { ...process.env, ...options.env, TERM: 'xterm', SHELL: '/bin/sh' },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let output = ''
  let fresh = ''
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString()
    fresh += chunk.toString()
  })
  const closed = once(child, 'close') as Promise<[number | null]>
  for (const [seen, typed] of steps) {
    for (let tries = 0; !fresh.includes(seen) && tries < 1200; tries += 1) await sleep(50)
    await sleep(300) // What is typed before the terminal is raw is not for the container.
    fresh = ''
    child.stdin.write(typed)
  }
  const [status] = await closed
  return { status: status ?? -1, output }
}
