import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Cli, CliOptions, CliResult } from '../../helpers/tsbuild.ts'

/** A command line that understands docker's words: ours or docker itself. */
export interface Driver {
  readonly name: 'tsbuild' | 'docker'
  run(args: readonly string[], options?: CliOptions): Promise<CliResult>
  /** stdout of a command that must work. */
  ok(...args: readonly string[]): Promise<string>
  /** A line of shell in which `docker` is this command line. */
  shell(line: string, options?: CliOptions): Promise<CliResult>
}

export function ownDriver(cli: Cli, program: string): Driver {
  return {
    name: 'tsbuild',
    run: cli.run,
    ok: cli.ok,
    shell: (line, options) => {
      const alias = `docker() { '${program}' --root '${cli.root}' "$@"; }\n`
      return start('sh', ['-c', alias + line], { ...options, cwd: options?.cwd ?? cli.folder })
    },
  }
}

export function peerDriver(command: readonly string[], cwd: string): Driver {
  const [program = 'docker', ...first] = command
  const run: Driver['run'] = (args, options) => start(program, [...first, ...args], { cwd, ...options })
  return {
    name: 'docker',
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
  child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()))
  child.stdin.on('error', () => {})
  child.stdin.end(options.stdin ?? '')
  const [status] = (await once(child, 'close')) as [number | null]
  return { status: status ?? -1, ...output }
}
