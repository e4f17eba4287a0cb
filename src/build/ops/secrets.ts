import { chmod, chown, mkdir, open, rm } from 'node:fs/promises'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { TsbuildError, hasErrno } from '../../base/errors.ts'
import { readUserFile } from '../../base/user-file.ts'

/** Where a secret comes from (`--secret`). */
export type SecretSource =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'env'; readonly name: string }

export interface FileOwner {
  readonly uid: number
  readonly gid: number
  readonly mode: number
}

/** Secrets of one build. Their values are read when a step needs them and are in no key, record or layer. */
export interface Secrets {
  /** Undefined when it was not given. SECRET_MISSING when it is required. */
  read(id: string, required: boolean): Promise<Uint8Array | undefined>
  /** Puts a value into a file that only its owner reads, until it is disposed. */
  file(value: Uint8Array, owner: FileOwner): Promise<SecretFile>
}

export interface SecretFile extends AsyncDisposable {
  readonly path: string
}

/** As BuildKit: a secret is small. */
const maxSecretBytes = 500 * 1024

export interface SecretsOptions {
  readonly sources: ReadonlyMap<string, SecretSource>
  readonly env: (name: string) => string | undefined
  /** Folder of this build below the run root, which is in memory. */
  readonly directory: string
  readonly signal: AbortSignal
}

export function createSecrets({ sources, env, directory, signal }: SecretsOptions): Secrets {
  const read = new Map<string, Promise<Uint8Array>>()

  async function valueOf(source: SecretSource, id: string): Promise<Uint8Array | undefined> {
    if (source.kind === 'env') {
      const value = env(source.name)
      return value === undefined ? undefined : Buffer.from(value)
    }
    try {
      // Once: a pipe has nothing more for a second step.
      const known = read.get(source.path) ?? readUserFile(source.path, signal)
      read.set(source.path, known)
      return await known
    } catch (error) {
      if (!hasErrno(error, 'ENOENT', 'EACCES', 'EISDIR')) throw error
      throw new TsbuildError('SECRET_MISSING', `Cannot read secret "${id}" from "${source.path}": ${error.message}`, {
        cause: error,
      })
    }
  }

  return {
    async read(id, required) {
      const source = sources.get(id)
      const value = source === undefined ? undefined : await valueOf(source, id)
      if (value === undefined) {
        if (!required) return undefined
        throw new TsbuildError('SECRET_MISSING', `The step needs the secret "${id}", which was not given`, {
          hint: `Pass it with --secret id=${id},src=FILE or --secret id=${id},env=NAME`,
          details: { secret: id },
        })
      }
      if (value.length <= maxSecretBytes) return value
      throw new TsbuildError(
        'SECRET_MISSING',
        `Cannot use secret "${id}": it has ${value.length} bytes, allowed are ${maxSecretBytes}`,
      )
    },
    async file(value, { uid, gid, mode }) {
      await mkdir(directory, { recursive: true, mode: 0o700 })
      const path = join(directory, `secret-${randomBytes(8).toString('hex')}`)
      const file = await open(path, 'wx', 0o600)
      try {
        await file.writeFile(value)
      } finally {
        await file.close()
      }
      if (uid !== 0 || gid !== 0) await chown(path, uid, gid)
      await chmod(path, mode)
      return { path, [Symbol.asyncDispose]: () => rm(path, { force: true }) }
    },
  }
}
