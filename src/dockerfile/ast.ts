import type { Diagnostic } from './diagnostics.ts'
import type { Range } from './source.ts'

/**
 * A piece of an instruction. `text` is what BuildKit's parser hands on: continuations and comments inside it are gone,
 * quotes, escapes and variables are still there. In a JSON form it is the decoded string. `range` covers it in the source.
 */
export interface Word {
  readonly text: string
  readonly range: Range
}

/** A `# comment` line in front of an instruction, without its sign. */
export interface Comment {
  readonly text: string
  readonly range: Range
}

/** One flag as written. `value` is absent for `--link`, empty for `--link=`. Quotes and escapes are resolved. */
export interface Flag {
  readonly name: string
  readonly value?: Word
  readonly range: Range
}

export interface Heredoc {
  readonly name: string
  /** False when the marker is quoted: the content is taken as it is. */
  readonly expand: boolean
  /** `<<-`: leading tabs of each line are dropped (`heredocContent` does it). */
  readonly chomp: boolean
  readonly fileDescriptor: number
  /** The lines up to the end marker, as written. */
  readonly content: string
  readonly contentRange: Range
  /** The `<<EOF` word. */
  readonly range: Range
}

/** `exec`: a JSON array, run as it is. `shell`: one line, given to the shell; `line.text` is empty when there is none. */
export type CommandLine =
  | { readonly form: 'exec'; readonly args: readonly Word[]; readonly range: Range }
  | { readonly form: 'shell'; readonly line: Word; readonly range: Range }

export interface KeyValue {
  readonly key: Word
  readonly value: Word
  /** Written as `ENV key value`. */
  readonly legacy: boolean
}

export interface ArgDefinition {
  readonly name: string
  readonly default?: Word
  readonly range: Range
  /** From a comment line `# NAME text` in front of the instruction. */
  readonly description?: string
}

export type CopySource =
  | { readonly kind: 'path'; readonly path: Word }
  | { readonly kind: 'heredoc'; readonly heredoc: Heredoc; readonly content: string }

/** One `--mount`, split but not evaluated: values may hold variables. `evaluateMount` makes a `Mount` of it. */
export interface MountFlag {
  readonly fields: readonly MountField[]
  readonly range: Range
}

export interface MountField {
  /** Lower case. */
  readonly key: string
  readonly value?: Word
  readonly range: Range
}

export interface Device {
  readonly name: string
  readonly required: boolean
}

export interface InstructionBase {
  /** The instruction as written, such as `RUN` or `run`. */
  readonly keyword: Word
  /** From the keyword to the end of the last line or heredoc, without the line feed. */
  readonly range: Range
  /** The source of `range`. */
  readonly text: string
  /** The instruction on one line, continuations joined: what history and progress show. */
  readonly code: string
  readonly flags: readonly Flag[]
  readonly heredocs: readonly Heredoc[]
  readonly comments: readonly Comment[]
  /** Lines without content between its continuations. */
  readonly emptyLines: readonly Range[]
}

export interface FromInstruction extends InstructionBase {
  readonly kind: 'from'
  readonly image: Word
  readonly platform?: Word
  /** `name` is in lower case, as BuildKit keeps it. */
  readonly as?: { readonly keyword: Word; readonly name: string; readonly word: Word }
}

export interface RunInstruction extends InstructionBase {
  readonly kind: 'run'
  readonly command: CommandLine
  readonly mounts: readonly MountFlag[]
  readonly network: 'default' | 'none' | 'host'
  readonly security: 'sandbox' | 'insecure'
  readonly devices: readonly Device[]
}

interface TransferInstruction extends InstructionBase {
  /** In written order. BuildKit copies all paths first, then the heredocs. */
  readonly sources: readonly CopySource[]
  readonly destination: Word
  readonly chown?: Word
  readonly chmod?: Word
  readonly link: boolean
  readonly excludes: readonly Word[]
}

export interface CopyInstruction extends TransferInstruction {
  readonly kind: 'copy'
  readonly from?: Word
  readonly parents: boolean
}

export interface AddInstruction extends TransferInstruction {
  readonly kind: 'add'
  readonly checksum?: Word
  /** Absent: not said. */
  readonly keepGitDir?: boolean
  readonly unpack?: boolean
}

export interface EnvInstruction extends InstructionBase {
  readonly kind: 'env'
  readonly pairs: readonly KeyValue[]
}

export interface LabelInstruction extends InstructionBase {
  readonly kind: 'label'
  readonly pairs: readonly KeyValue[]
}

export interface ArgInstruction extends InstructionBase {
  readonly kind: 'arg'
  readonly args: readonly ArgDefinition[]
}

export interface CmdInstruction extends InstructionBase {
  readonly kind: 'cmd'
  readonly command: CommandLine
}

export interface EntrypointInstruction extends InstructionBase {
  readonly kind: 'entrypoint'
  readonly command: CommandLine
}

export interface ShellInstruction extends InstructionBase {
  readonly kind: 'shell'
  readonly args: readonly Word[]
}

export interface ExposeInstruction extends InstructionBase {
  readonly kind: 'expose'
  readonly ports: readonly Word[]
}

export interface UserInstruction extends InstructionBase {
  readonly kind: 'user'
  readonly user: Word
}

export interface VolumeInstruction extends InstructionBase {
  readonly kind: 'volume'
  readonly paths: readonly Word[]
}

export interface WorkdirInstruction extends InstructionBase {
  readonly kind: 'workdir'
  readonly path: Word
}

export interface StopsignalInstruction extends InstructionBase {
  readonly kind: 'stopsignal'
  readonly signal: Word
}

export interface MaintainerInstruction extends InstructionBase {
  readonly kind: 'maintainer'
  readonly name: Word
}

/** Durations are nanoseconds, 0 when not given or given as 0 (the base image's value or the default then applies). */
export interface HealthcheckInstruction extends InstructionBase {
  readonly kind: 'healthcheck'
  readonly test: { readonly kind: 'none' } | { readonly kind: 'command'; readonly command: CommandLine }
  readonly interval: number
  readonly timeout: number
  readonly startPeriod: number
  readonly startInterval: number
  readonly retries: number
}

export interface OnbuildInstruction extends InstructionBase {
  readonly kind: 'onbuild'
  /** What the image config stores: the trigger with its heredocs. */
  readonly expression: string
  /** The same, parsed; `invalid` when it can never run (a warning says so). */
  readonly trigger: Instruction
}

/** What could not be understood; a diagnostic says why. */
export interface InvalidInstruction extends InstructionBase {
  readonly kind: 'invalid'
}

export type Instruction =
  | FromInstruction
  | RunInstruction
  | CopyInstruction
  | AddInstruction
  | EnvInstruction
  | LabelInstruction
  | ArgInstruction
  | CmdInstruction
  | EntrypointInstruction
  | ShellInstruction
  | ExposeInstruction
  | UserInstruction
  | VolumeInstruction
  | WorkdirInstruction
  | StopsignalInstruction
  | MaintainerInstruction
  | HealthcheckInstruction
  | OnbuildInstruction
  | InvalidInstruction

export type InstructionKind = Instruction['kind']

/** A stage: its FROM and what follows up to the next one. */
export interface Stage {
  readonly index: number
  /** Lower case; absent for `FROM image` without `AS`. */
  readonly name?: string
  readonly from: FromInstruction
  readonly instructions: readonly Instruction[]
  /** From a comment line `# name text` in front of the FROM. */
  readonly description?: string
}

export interface Directive {
  readonly name: 'syntax' | 'escape' | 'check'
  readonly value: string
  readonly range: Range
  readonly valueRange: Range
}

export interface Directives {
  readonly all: readonly Directive[]
  /** The frontend asked for, also from `// syntax=`, after `#!`, and from JSON. */
  readonly syntax?: Directive
  readonly check?: Directive
  readonly escape: '\\' | '`'
}

/** The file as it stands, piece by piece: `items.map((item) => item.text).join('')` is the source. */
export type DocumentItem =
  | { readonly kind: 'directive' | 'comment' | 'blank'; readonly text: string; readonly range: Range }
  | { readonly kind: 'instruction'; readonly text: string; readonly range: Range; readonly instruction: Instruction }

export interface ParsedDockerfile {
  readonly filename: string
  readonly source: string
  readonly items: readonly DocumentItem[]
  readonly directives: Directives
  readonly instructions: readonly Instruction[]
  readonly stages: readonly Stage[]
  /** ARG instructions in front of the first FROM. */
  readonly globalArgs: readonly ArgInstruction[]
  /** Errors and warnings of the text itself, in source order. `checkDockerfile` adds those that need evaluation. */
  readonly diagnostics: readonly Diagnostic[]
}
