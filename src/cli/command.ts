import type { Emit } from '../base/events.ts'
import type { Engine } from '../engine/engine.ts'
import type { Settings } from '../settings/settings.ts'
import type { Terminal } from '../ui/terminal.ts'

/** What a flag's text is parsed into: bytes (`512m`, 1024-based as docker's) give a number, durations (`1m30s`) give milliseconds. */
interface FlagValues {
  boolean: boolean
  string: string
  integer: number
  number: number
  bytes: number
  duration: number
}

/**
 * A flag as data. Its key in `flags` is its long name. Parsing, help, docs/cli and shell completion all come from here.
 * Spellings that work: `--name v`, `--name=v`, `-n v`, `-nv`, `-n=v`, `-it` (combined), `--bool=false`.
 */
export interface Flag {
  readonly kind: keyof FlagValues
  /** One line, no full stop. */
  readonly help: string
  readonly short?: string
  /** Name of the value in the help; the kind when absent. */
  readonly value?: string
  /** The flag may come several times; the input is a list, empty when it did not come. */
  readonly repeat?: true
  /** The only words allowed; the input's type is their union. */
  readonly choices?: readonly string[]
  /** Value when the flag does not come. Without it: false for booleans, else undefined. */
  readonly default?: boolean | string | number
  /** What a flag that takes a value means when it comes bare, such as `always` for `--pull`. */
  readonly bare?: string
  /** Variable that gives the value when the flag does not come. */
  readonly env?: string
  /** Other long names. */
  readonly also?: readonly string[]
  /** Left out of help and completion. */
  readonly hidden?: true
  /** Accepted for docker's sake and without effect; says why. A notice tells the user unless the value changes nothing. */
  readonly ignored?: string
  /** What its values name, for completion. */
  readonly complete?: Completion
}

export type Flags = Readonly<Record<string, Flag>>

export type Completion = 'image' | 'container' | 'running' | 'volume' | 'network' | 'file' | 'directory' | 'platform'

/** A positional argument. Only the last may be `many`; after an optional one all are optional. */
export interface Argument {
  readonly name: string
  readonly optional?: true
  readonly many?: true
  readonly complete?: Completion
}

type Scalar<F extends Flag> = F extends { readonly choices: readonly (infer C)[] } ? C : FlagValues[F['kind']]

type FlagInput<F extends Flag> = F extends { readonly repeat: true }
  ? readonly Scalar<F>[]
  : F extends { readonly default: boolean | string | number }
    ? Scalar<F>
    : F['kind'] extends 'boolean'
      ? boolean
      : Scalar<F> | undefined

export interface Input<F extends Flags> {
  readonly flags: { readonly [Name in keyof F]: FlagInput<F[Name]> }
  /** Positional arguments; their number is already checked. */
  readonly args: readonly string[]
  /** Long names of the flags that came on the command line or from their variable. */
  readonly given: ReadonlySet<string>
}

/** What main hands to a command. Nothing here has been opened or loaded before it is asked for. */
export interface CommandContext {
  readonly settings: Settings
  /** stdin, stdout, stderr with what is known of them; commands write through it. */
  readonly terminal: Terminal
  /** Fires on the first SIGINT or SIGTERM, unless the command took the signals over. */
  readonly signal: AbortSignal
  /** Shows notices at once on stderr and drops the rest; verbs with progress use `openProgress` of ui/progress. */
  readonly emit: Emit
  readonly debug: boolean
  /** Prints an error as main prints the one that ends the command; for commands that go on with their next argument. */
  report(error: unknown): void
  /** Opens the engine at the first call; main closes it after the command. */
  openEngine(): Promise<Engine>
  /** From now on signals go to `listener` instead of the abort (run, attach, exec with sig-proxy), until disposed. */
  takeSignals(listener: (signal: NodeJS.Signals) => void): Disposable
}

export interface Command<F extends Flags = Flags> {
  readonly arguments: readonly Argument[]
  readonly flags: F
  /** Flags end at the first positional argument, as for `run IMAGE COMMAND -x`. */
  readonly flagsFirst?: true
  /** Paragraphs and examples below the summary in help and docs. */
  readonly details?: string
  readonly examples?: readonly string[]
  /** Resolves with the exit status; failures are thrown as TsbuildError. */
  readonly run: (input: Input<F>, context: CommandContext) => Promise<number>
}

/**
 * Declares a command. The input's type is inferred from the flags; what comes back is the erased form:
 *
 * ```ts
 * export const command: Command = defineCommand({
 *   arguments: [{ name: 'SOURCE', complete: 'image' }, { name: 'TARGET' }],
 *   flags: { force: { kind: 'boolean', short: 'f', help: 'Replace TARGET' } },
 *   async run({ flags, args: [source, target] }, context) {
 *     const { tag } = await import('../../engine/tag.ts')
 *     await tag(await context.openEngine(), { source: source!, target: target! }, context)
 *     return 0
 *   },
 * })
 * ```
 * The file holds the definition and the glue between flags and verb; the verb itself is imported when it runs, so that
 * `--help` and usage errors stay cheap.
 */
export function defineCommand<const F extends Flags>(command: Command<F>): Command {
  return command as unknown as Command
}

export const commandGroups = ['Build', 'Images', 'Registries', 'Containers', 'Volumes and networks', 'System'] as const

/**
 * A command's place in the command line. These tables (src/cli/tables) are all that global help, dispatch and
 * `did you mean` load.
 */
export interface CommandEntry {
  /** As shown in help: `run`, `volume create`. */
  readonly name: string
  /** Other spellings: `container run`; management words of docker and buildx included. */
  readonly also?: readonly string[]
  readonly group: (typeof commandGroups)[number]
  /** One line, no full stop. */
  readonly summary: string
  /** Exit statuses of errors: `run` and `exec` follow docker's 125/126/127, the others 1 and 2. */
  readonly failure?: 'run' | 'exec'
  readonly hidden?: true
  readonly load: () => Promise<{ readonly command: Command }>
}
