import { readFile } from 'node:fs/promises'
import { TsbuildError } from '../../base/errors.ts'
import { defineCommand } from '../command.ts'
import type { Command } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [],
  flags: {
    listen: {
      kind: 'string',
      short: 'l',
      value: 'HOST:PORT',
      default: '127.0.0.1:5000',
      help: 'Where to listen; port 0 takes any free one',
    },
    'read-only': { kind: 'boolean', help: 'Serve pulls only' },
    'tls-cert': { kind: 'string', value: 'FILE', help: 'Certificate (PEM) to serve TLS with', complete: 'file' },
    'tls-key': { kind: 'string', value: 'FILE', help: 'Key of the certificate (PEM)', complete: 'file' },
    username: {
      kind: 'string',
      short: 'u',
      value: 'NAME',
      help: 'Let only this user in; the password comes from TSBUILD_REGISTRY_PASSWORD',
    },
    quiet: { kind: 'boolean', short: 'q', help: 'Do not show requests' },
  },
  details: 'Other machines can pull what was just built, and push into the store. Ends at Ctrl-C.',
  examples: ['tsbuild registry serve --listen 0.0.0.0:5000 --read-only', 'docker pull 127.0.0.1:5000/basic-img'],
  async run({ flags }, context) {
    const match = /^(.*):(\d{1,5})$/.exec(flags.listen)
    if (match === null || Number(match[2]) > 65535)
      throw new TsbuildError('USAGE', `Cannot listen on "${flags.listen}": expected HOST:PORT`)
    const engine = await context.openEngine()
    const { registryServe } = await import('../../engine/registry-serve.ts')
    const { terminal } = context
    await registryServe(
      engine,
      {
        host: (match[1] ?? '').replace(/^\[|\]$/g, '') || '0.0.0.0',
        port: Number(match[2]),
        readOnly: flags['read-only'],
        ...(await readTls(flags['tls-cert'], flags['tls-key'])),
        ...readUser(flags.username, context.settings.env('TSBUILD_REGISTRY_PASSWORD')),
        onListening: (origin) => terminal.printLine(`Serving ${engine.settings.root} on ${origin}`),
        ...(flags.quiet
          ? {}
          : { onRequest: ({ method, path, status }) => terminal.say(`${status} ${method} ${path}`) }),
      },
      context,
    )
    return 0
  },
})

async function readTls(
  certificate: string | undefined,
  key: string | undefined,
): Promise<{ readonly tls?: { readonly certificate: string; readonly key: string } }> {
  if (certificate === undefined && key === undefined) return {}
  if (certificate === undefined || key === undefined)
    throw new TsbuildError('USAGE', 'TLS needs both --tls-cert and --tls-key')
  return { tls: { certificate: await readText(certificate), key: await readText(key) } }
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw new TsbuildError('FILE_UNREADABLE', `Cannot read "${path}"`, { cause: error })
  }
}

function readUser(
  name: string | undefined,
  password: string | undefined,
): { readonly user?: { readonly name: string; readonly password: string } } {
  if (name === undefined) return {}
  if (password === undefined || password === '') {
    throw new TsbuildError('USAGE', 'A user needs a password', { hint: 'Set TSBUILD_REGISTRY_PASSWORD' })
  }
  return { user: { name, password } }
}
