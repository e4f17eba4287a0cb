import type { Digest } from '../../oci/digest.ts'
import type { Vertex } from '../solver/vertex.ts'

/**
 * What a step does, as plain data: everything here decides the result and is part of the vertex's digest.
 * Inputs are named by their index in the vertex.
 */
export type Op = ImageOp | FilesOp | ExecOp | HttpOp | GitOp

export type BuildVertex = Vertex<Op>

/** The layers of an image. The plan has resolved the name; the layers are unpacked when a step needs them. */
export interface ImageOp {
  readonly kind: 'image'
  readonly manifest: Digest
  /** From the base up. */
  readonly diffIds: readonly Digest[]
}

/** Changes of files without a process: COPY, ADD, WORKDIR, inline documents. Input 0 is what is changed. */
export interface FilesOp {
  readonly kind: 'files'
  readonly actions: readonly FileAction[]
  /** The layer is made on an empty root and then put on input 0 (`COPY --link`). */
  readonly detached: boolean
  /** No file of the layer is newer than this time, in seconds. */
  readonly clamp?: number
}

export type FileAction =
  | { readonly op: 'mkdir'; readonly path: string; readonly mode: number; readonly owner: string }
  | CopyAction
  | {
      readonly op: 'write'
      /** Name of the document; `dest` may be a directory. */
      readonly name: string
      readonly dest: string
      readonly data: string
      readonly mode: number
      readonly owner: string
      readonly chmod: string
    }

export interface CopyAction {
  readonly op: 'copy'
  readonly from: CopyFrom
  readonly sources: readonly CopySource[]
  /** Patterns of `--exclude`, in moby's ignore grammar. */
  readonly exclude: readonly string[]
  /** `--parents`: sources keep their path below `dest`. */
  readonly parents: boolean
  /** Absolute. A trailing slash says that it is a directory. */
  readonly dest: string
  /** `user[:group]`; empty keeps the source's (of a stage or image) or root (of a context). */
  readonly owner: string
  /** Octal or symbolic; empty keeps it. */
  readonly chmod: string
  /** `auto` unpacks what is an archive by content, `unpack` insists. */
  readonly archives: 'keep' | 'auto'
}

export type CopyFrom =
  | { readonly kind: 'context'; readonly name: string }
  | { readonly kind: 'input'; readonly index: number }

export interface CopySource {
  /** Absolute below the source's root. */
  readonly path: string
  readonly wildcard: boolean
  /** With `parents`: the part of the path that is kept. */
  readonly pivot?: string
}

/** Runs a process on input 0; its changes are the layer. */
export interface ExecOp {
  readonly kind: 'exec'
  readonly args: readonly string[]
  /** `NAME=value`, in order. */
  readonly env: readonly string[]
  readonly cwd: string
  readonly user: string
  readonly mounts: readonly ExecMount[]
  readonly network: 'default' | 'none' | 'host'
  readonly security: 'sandbox' | 'insecure'
  /** Names of CDI devices. */
  readonly devices: readonly { readonly name: string; readonly required: boolean }[]
  readonly hosts: readonly { readonly name: string; readonly address: string }[]
  readonly hostname: string
  /** `os/arch[/variant]` of the program that runs. */
  readonly platform: string
  readonly clamp?: number
}

export type ExecMount =
  | {
      readonly kind: 'bind'
      readonly input: number
      readonly source: string
      readonly target: string
      readonly readonly: boolean
    }
  | {
      readonly kind: 'cache'
      readonly id: string
      readonly sharing: 'shared' | 'private' | 'locked'
      /** What a new cache starts from; absent: empty. */
      readonly input?: number
      readonly source: string
      readonly target: string
      readonly readonly: boolean
      /** Of the cache's own directory, where the mount names one of them; caches with others are other caches. */
      readonly owner?: { readonly uid: number; readonly gid: number; readonly mode: number }
    }
  | { readonly kind: 'tmpfs'; readonly target: string; /** Bytes; 0 is no limit. */ readonly size: number }
  | {
      readonly kind: 'secret'
      readonly id: string
      readonly required: boolean
      /** Absent when only `env` is wanted. */
      readonly target?: string
      readonly env?: string
      readonly uid: number
      readonly gid: number
      readonly mode: number
    }
  | {
      readonly kind: 'ssh'
      readonly id: string
      readonly required: boolean
      readonly target: string
      readonly uid: number
      readonly gid: number
      readonly mode: number
    }

/** One file from the web, at the root of the result. */
export interface HttpOp {
  readonly kind: 'http'
  readonly url: string
  readonly name: string
  /** Absent: what the server has now counts. */
  readonly checksum?: string
}

/** A checkout of a git repository. */
export interface GitOp {
  readonly kind: 'git'
  readonly remote: string
  readonly ref: string
  readonly subdir: string
  readonly keepGitDir: boolean
  readonly submodules: boolean
  /** Times of the files: of the checkout, or of the commit. */
  readonly mtime: 'checkout' | 'commit'
  /** Commit or its prefix that `ref` must lead to. */
  readonly checksum?: string
}
