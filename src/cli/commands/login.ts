import { TsbuildError, hasCode } from '../../base/errors.ts'
import { showWait } from '../../ui/wait.ts'
import { defineCommand } from '../command.ts'
import type { Command, CommandContext } from '../command.ts'

export const command: Command = defineCommand({
  arguments: [{ name: 'SERVER', optional: true }],
  flags: {
    username: { kind: 'string', short: 'u', value: 'NAME', help: 'User name' },
    password: {
      kind: 'string',
      short: 'p',
      value: 'PASSWORD',
      help: 'Password or token; shows in the list of processes',
    },
    'password-stdin': { kind: 'boolean', help: 'Read the password from stdin' },
  },
  details:
    'Without a server it is Docker Hub. The login is verified, then kept by the credential helper of the configuration, else in its file. ' +
    'Amazon ECR needs no login: its token comes from the AWS environment.',
  examples: ['tsbuild login', 'echo "$TOKEN" | tsbuild login ghcr.io -u me --password-stdin'],
  async run({ flags, args: [server = ''] }, context) {
    const { settings, terminal } = context
    const { checkStoredLogin, login } = await import('../../engine/login.ts')
    if (flags.username === undefined && flags.password === undefined && !flags['password-stdin']) {
      const known = await checkStoredLogin(settings, server, context).catch((error: unknown) => {
        if (hasCode(error, 'REGISTRY_UNAUTHORIZED', 'REGISTRY_DENIED')) return false
        throw error
      })
      if (known) {
        terminal.printLine('Authenticated with the stored credentials')
        terminal.printLine('Login Succeeded')
        return 0
      }
    }
    const { username, password } = await readLogin(flags, context)
    const request = { server, username, password }
    const { stored } = await showWait(terminal, 'Logging in', () => login(settings, request, context))
    if (stored.kind === 'file') {
      terminal.say(`Warning: the password is stored unencrypted in "${stored.path}"`)
      terminal.say('Configure a credential helper to keep it safe: https://docs.docker.com/go/credential-store/')
    }
    terminal.printLine('Login Succeeded')
    return 0
  },
})

interface LoginFlags {
  readonly username: string | undefined
  readonly password: string | undefined
  readonly 'password-stdin': boolean
}

async function readLogin(
  flags: LoginFlags,
  { terminal }: CommandContext,
): Promise<{ readonly username: string; readonly password: string }> {
  const { askLine, readSecret } = await import('../registry/ask-login.ts')
  if (flags['password-stdin']) {
    if (flags.password !== undefined)
      throw new TsbuildError('USAGE', '--password and --password-stdin exclude each other')
    if (flags.username === undefined) throw new TsbuildError('USAGE', '--password-stdin needs --username')
    return { username: flags.username, password: await readSecret(terminal) }
  }
  if (flags.password !== undefined)
    terminal.say('Warning: --password shows in the list of processes; use --password-stdin')
  const username = flags.username ?? (await askLine(terminal, 'Username: ', { hidden: false }))
  if (username === '') throw new TsbuildError('USAGE', 'Cannot log in without a user name')
  const password = flags.password ?? (await askLine(terminal, 'Password: ', { hidden: true }))
  if (password === '') throw new TsbuildError('USAGE', 'Cannot log in without a password')
  return { username, password }
}
