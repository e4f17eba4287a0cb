import { spawn } from 'node:child_process'
import { TsbuildError } from '../../base/errors.ts'
import { printableLine } from '../../base/printable.ts'
import { noCredentials } from '../auth/credentials.ts'
import type { Credentials } from '../auth/credentials.ts'

/** Helpers may ask the user for a passphrase, so the wait is long. */
const helperTimeout = 120_000
const maxOutput = 1024 * 1024

/** The program `docker-credential-NAME` (docker/docker-credential-helpers protocol). All calls may fail with CREDENTIALS_HELPER. */
export interface CredentialHelper {
  /** `none` when it knows nothing of the server. */
  get(server: string, signal: AbortSignal): Promise<Credentials>
  store(server: string, username: string, secret: string, signal: AbortSignal): Promise<void>
  /** Idempotent. */
  erase(server: string, signal: AbortSignal): Promise<void>
}

export function createHelper(name: string): CredentialHelper {
  return {
    async get(server, signal) {
      const { output, status } = await run(name, 'get', server, signal)
      if (status !== 0) {
        if (/credentials not found/i.test(output)) return noCredentials
        throw failed(name, 'get', output)
      }
      return parseSecret(name, output)
    },
    async store(server, username, secret, signal) {
      const { output, status } = await run(
        name,
        'store',
        JSON.stringify({ ServerURL: server, Username: username, Secret: secret }),
        signal,
      )
      if (status !== 0) throw failed(name, 'store', output)
    },
    async erase(server, signal) {
      const { output, status } = await run(name, 'erase', server, signal)
      if (status !== 0 && !/not found/i.test(output)) throw failed(name, 'erase', output)
    },
  }
}

function parseSecret(name: string, output: string): Credentials {
  let value: unknown
  try {
    value = JSON.parse(output)
  } catch {
    throw new TsbuildError('CREDENTIALS_HELPER', `Cannot use credential helper "${name}": its answer is not JSON`)
  }
  const { Username: username, Secret: secret } = value as { readonly Username?: unknown; readonly Secret?: unknown }
  if (typeof username !== 'string' || typeof secret !== 'string') {
    throw new TsbuildError(
      'CREDENTIALS_HELPER',
      `Cannot use credential helper "${name}": its answer lacks Username or Secret`,
    )
  }
  if (secret === '') return noCredentials
  return username === '<token>' ? { kind: 'identity', token: secret } : { kind: 'basic', username, password: secret }
}

async function run(
  name: string,
  verb: string,
  input: string,
  signal: AbortSignal,
): Promise<{ readonly output: string; readonly status: number | null }> {
  if (!/^[A-Za-z0-9._-]+$/.test(name)) {
    throw new TsbuildError(
      'CREDENTIALS_INVALID',
      `Cannot use credential helper "${name}": that is no name of a program`,
    )
  }
  const child = spawn(`docker-credential-${name}`, [verb], {
    stdio: ['pipe', 'pipe', 'ignore'],
    signal: AbortSignal.any([signal, AbortSignal.timeout(helperTimeout)]),
  })
  const { promise, resolve, reject } = Promise.withResolvers<number | null>()
  child.once('error', reject)
  child.once('close', resolve)
  const chunks: Buffer[] = []
  let size = 0
  child.stdout.on('data', (chunk: Buffer) => {
    size += chunk.byteLength
    if (size <= maxOutput) chunks.push(chunk)
    else child.kill('SIGKILL')
  })
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  try {
    return { status: await promise, output: Buffer.concat(chunks).toString('utf8') }
  } catch (error) {
    if (signal.aborted) throw new TsbuildError('CANCELLED', 'Stopped before the end', { cause: error })
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    throw new TsbuildError(
      'CREDENTIALS_HELPER',
      missing
        ? `Cannot use credential helper "${name}": there is no program docker-credential-${name} on the PATH`
        : `Cannot use credential helper "${name}": it did not end in time`,
      { cause: error, hint: 'Install it, or take it out of credHelpers and credsStore in the configuration' },
    )
  }
}

/** What a helper prints on a failure is a message, never the secret. */
function failed(name: string, verb: string, output: string): TsbuildError {
  return new TsbuildError(
    'CREDENTIALS_HELPER',
    `Cannot use credential helper "${name}": "${verb}" failed: ${printableLine(output, 300)}`,
  )
}
