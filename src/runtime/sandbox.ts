import type { Readable, Writable } from 'node:stream'
import type { LayerFacts, Tree } from '../host/native.ts'

/** What a process sees and may do: the one description for RUN steps and containers, turned into an OCI runtime config. */
export interface ProcessSpec {
  readonly args: readonly string[]
  readonly env: readonly string[]
  readonly cwd: string
  /** `user[:group]` by name or number, resolved inside the root; empty means root. */
  readonly user: string
  readonly groups?: readonly string[]
  readonly tty?: boolean
}

export interface SandboxResult {
  readonly exitCode: number
  /** Name such as SIGKILL when a signal ended the process. */
  readonly signal: string | null
  readonly oomKilled: boolean
  readonly timedOut: boolean
  readonly layer: LayerFacts | null
}

export interface SandboxIo {
  readonly stdin: Readable | 'none' | 'inherit'
  readonly stdout: Writable | 'inherit' | ((chunk: Uint8Array) => void)
  readonly stderr: Writable | 'inherit' | ((chunk: Uint8Array) => void)
}

/** A file tree seen inside the sandbox below `target`. */
export interface TreeMount {
  readonly tree: Tree
  readonly source: string
  readonly target: string
  readonly readonly: boolean
}
