import { readFile, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { TsbuildError, hasErrno } from '../base/errors.ts'
import type { TlsSettings } from './transport/dispatchers.ts'

/**
 * Reads what docker's and containers' certs.d hold for a host: `*.crt` are authorities, `NAME.cert` with `NAME.key` is the
 * client's certificate. All directories count for authorities, the first with a client certificate for that.
 * Error: SETTINGS_INVALID for a file that cannot be read and for a certificate without its key.
 */
export async function readTlsFiles(
  host: string,
  directories: readonly string[],
  verify: boolean,
): Promise<TlsSettings> {
  const authorities: string[] = []
  let client: { readonly clientCertificate: string; readonly clientKey: string } | undefined
  for (const directory of directories) {
    const folder = join(directory, host)
    const names = await namesIn(folder)
    for (const name of names.filter((one) => one.endsWith('.crt'))) authorities.push(await read(join(folder, name)))
    const certificate = names.find((one) => one.endsWith('.cert'))
    if (certificate === undefined || client !== undefined) continue
    const key = `${certificate.slice(0, -'.cert'.length)}.key`
    if (!names.includes(key)) {
      throw new TsbuildError(
        'SETTINGS_INVALID',
        `Cannot use client certificate "${join(folder, certificate)}": there is no "${key}" beside it`,
      )
    }
    client = { clientCertificate: await read(join(folder, certificate)), clientKey: await read(join(folder, key)) }
  }
  return { authorities, verify, ...client }
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).sort()
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES')) return []
    throw error
  }
}

async function read(path: string): Promise<string> {
  try {
    if ((await stat(path)).isFIFO()) throw new Error('It is a pipe')
    return await readFile(path, 'utf8')
  } catch (error) {
    throw new TsbuildError('SETTINGS_INVALID', `Cannot read certificate file "${path}"`, { cause: error })
  }
}
