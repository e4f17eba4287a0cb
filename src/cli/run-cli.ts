import { fstatSync } from 'node:fs'
import { TsbuildError, hasErrno } from '../base/errors.ts'
import type { Event } from '../base/events.ts'
import { printableLine } from '../base/printable.ts'
import { redact } from '../base/redact.ts'
import { createTerminal } from '../ui/terminal.ts'
import type { InputStream, OutputStream, Terminal } from '../ui/terminal.ts'
import type { CommandContext, CommandEntry, Flags, Input } from './command.ts'
import { commandTable } from './command-table.ts'
import { exitCodeOf } from './exit-code.ts'
import { findCommand } from './find-command.ts'
import type { Target } from './find-command.ts'
import { parseGlobalFlags } from './global-flags.ts'
import type { GlobalInput } from './global-flags.ts'
import { watchSignals } from './signals.ts'
import type { SignalSource } from './signals.ts'
import { writeOutput } from './write-output.ts'

/** The outside world of one run of the command line. */
export interface CliWorld {
  readonly argv: readonly string[]
  readonly cwd: string
  readonly env: (name: string) => string | undefined
  /** Streams are opened at their first use. */
  readonly stdin: () => InputStream
  readonly stdout: () => OutputStream
  readonly stderr: () => OutputStream
  readonly signals: SignalSource
}

/** Runs one command line and resolves with the exit status; errors are already printed. */
export async function runCli(world: CliWorld): Promise<number> {
  const output: Output = { failed: undefined }
  const terminal = openTerminal(world, output)
  let globals: Pick<GlobalInput, 'debug' | 'logFormat'> = { debug: false, logFormat: 'text' }
  let failure: CommandEntry['failure']
  try {
    const input = parseGlobalFlags(world.argv)
    globals = input
    if (input.version) return await printVersion(terminal)
    const target: Target = input.help
      ? helpFor(findCommand(commandTable, input.words, world.cwd))
      : findCommand(commandTable, input.words, world.cwd)
    if (target.kind === 'help') return await printHelp(terminal, target.group)
    failure = target.entry.failure
    const status = await runTarget(target, input, terminal, world, () => {
      globals = { ...input, debug: true }
    })
    if (output.failed !== undefined) throw output.failed
    return status
  } catch (caught) {
    const error = explained(output.failed ?? caught)
    const { reportError } = await import('../ui/error-report.ts')
    reportError(error, terminal, globals)
    return exitCodeOf(error, failure)
  }
}

/** What became of stdout and stderr. */
interface Output {
  failed: Error | undefined
}

/** A disk that is full, or a device that fails, is no defect of ours. The store has errors of its own for that. */
function explained(error: unknown): unknown {
  if (!hasErrno(error, 'ENOSPC', 'EDQUOT', 'EFBIG', 'EIO') || error.syscall !== 'write') return error
  return new TsbuildError('OUTPUT_FAILED', `Cannot write the output: ${error.message}`, {
    cause: error,
    hint: 'Make room, or write it somewhere else',
  })
}

function helpFor(target: Target): Target {
  return target.kind === 'help' ? target : { ...target, words: ['--help'] }
}

async function printVersion(terminal: Terminal): Promise<number> {
  const { commit, version } = await import('../base/version.ts')
  terminal.printLine(`tsbuild version ${version}, build ${commit}`)
  return 0
}

async function printHelp(terminal: Terminal, group: string): Promise<number> {
  const { tableHelp } = await import('./help.ts')
  terminal.print(tableHelp(commandTable, group))
  return 0
}

async function runTarget(
  target: Extract<Target, { kind: 'command' }>,
  given: GlobalInput,
  terminal: Terminal,
  world: CliWorld,
  onDebug: () => void,
): Promise<number> {
  const [{ command }, { parseCommandLine }] = await Promise.all([target.entry.load(), import('./parse.ts')])
  const name = `tsbuild ${target.typed}`
  const parsed = parseCommandLine(command, target.words, { name, env: world.env })
  if (parsed.kind === 'help') {
    const { commandHelp } = await import('./help.ts')
    terminal.print(commandHelp(target.entry, command, name))
    return 0
  }
  // buildx takes it behind the command as well.
  const globals = parsed.input.flags['debug'] === true ? { ...given, debug: true } : given
  if (globals.debug) onDebug()
  using signals = watchSignals(world.signals)
  await using stack = new AsyncDisposableStack()
  const context = await createContext(globals, terminal, world, signals, stack)
  noticeIgnored(parsed.input, command.flags, context)
  try {
    return await command.run(parsed.input, context)
  } catch (error) {
    if (signals.received === undefined || !isAbort(error)) throw error
    throw new TsbuildError('CANCELLED', `Stopped by ${signals.received}`, { cause: error })
  }
}

function isAbort(error: unknown): boolean {
  if (error instanceof TsbuildError) return error.kind === 'cancelled'
  return error instanceof Error && error.name === 'AbortError'
}

async function createContext(
  globals: GlobalInput,
  terminal: Terminal,
  world: CliWorld,
  signals: ReturnType<typeof watchSignals>,
  stack: AsyncDisposableStack,
): Promise<CommandContext> {
  const { readSettings } = await import('../settings/read-settings.ts')
  const { reportError } = await import('../ui/error-report.ts')
  const { root, config, storageDriver } = globals
  const settings = await readSettings({ env: world.env, cwd: world.cwd, root, config, storageDriver })
  let engine: ReturnType<CommandContext['openEngine']> | undefined
  return {
    settings,
    terminal,
    signal: signals.signal,
    debug: globals.debug,
    report: (error) => reportError(error, terminal, globals),
    emit: (event) => sayNotice(event, terminal, globals.logFormat),
    openEngine: () =>
      (engine ??= import('../engine/engine.ts').then(async (module) => stack.use(await module.openEngine(settings)))),
    takeSignals: (listener) => signals.take(listener),
  }
}

function sayNotice(event: Event, terminal: Terminal, form: GlobalInput['logFormat']): void {
  if (event.kind !== 'notice') return
  if (form === 'json') terminal.say(JSON.stringify({ level: event.level, message: event.text, hint: event.hint }))
  else terminal.say(`${event.level === 'warning' ? 'Warning: ' : ''}${printableLine(redact(event.text))}`)
}

function noticeIgnored(input: Input<Flags>, flags: Flags, context: CommandContext): void {
  for (const name of input.given) {
    const reason = flags[name]?.ignored
    if (reason !== undefined)
      context.emit({ kind: 'notice', level: 'warning', text: `--${name} has no effect: ${reason}` })
  }
}

function openTerminal(world: CliWorld, output: Output): Terminal {
  const quit = (status: number): never => world.signals.exit(status)
  const opened = new Map<() => OutputStream, OutputStream>()
  const openOnce = (open: () => OutputStream) => (): OutputStream => {
    const stream = opened.get(open) ?? watchOutput(open(), quit, output)
    opened.set(open, stream)
    return stream
  }
  return createTerminal({
    ...world,
    stdout: openOnce(world.stdout),
    stderr: openOnce(world.stderr),
    write: (descriptor, data) => writeOutput(descriptor, data, quit),
    mayBeTty,
  })
}

/** The kernel's number for /dev/null and its like. */
const memoryDevices = 1

function mayBeTty(descriptor: number): boolean {
  const file = fstatSync(descriptor)
  return file.isCharacterDevice() && ((file.rdev >> 8) & 0xfff) !== memoryDevices
}

/** As writeOutput does it, for what is written to the streams. Any other failure is that of the command, once it ends. */
function watchOutput(stream: OutputStream, quit: (status: number) => never, output: Output): OutputStream {
  return stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') quit(141)
    output.failed ??= error
  })
}
