import { randomUUID, sign } from 'node:crypto'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Certificate } from './certificates.ts'
import { listenOnLoopback } from './listen.ts'

export interface TokenServerOptions {
  readonly signer: Certificate
  readonly service: string
  readonly users: Readonly<Record<string, string>>
  /** Repositories that anybody may pull. */
  readonly open?: readonly string[]
  readonly lifetime?: number
}

export interface TokenServer extends AsyncDisposable {
  readonly realm: string
  /** Query of every token request, in order. */
  readonly requests: readonly {
    readonly method: string
    readonly scopes: readonly string[]
    readonly user: string | undefined
  }[]
}

/** A token server as the distribution project describes it (docs/spec/auth/token): GET with Basic, POST with a form. */
export async function startTokenServer(options: TokenServerOptions): Promise<TokenServer> {
  const requests: { method: string; scopes: readonly string[]; user: string | undefined }[] = []
  const server = createServer((request, response) => void answer(request, response))

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const query = new URL(request.url ?? '/', 'http://token').searchParams
    const form = request.method === 'POST' ? new URLSearchParams(await text(request)) : query
    const scopes = form.getAll('scope').flatMap((scope) => scope.split(' '))
    const user = request.method === 'POST' ? formUser(form) : basicUser(request.headers.authorization)
    requests.push({ method: request.method ?? '', scopes, user: user?.name })
    const known = user !== undefined && options.users[user.name] === user.password
    if (user !== undefined && !known) {
      response.writeHead(401).end('{"details":"incorrect username or password"}')
      return
    }
    const token = signToken(
      options,
      known ? user.name : '',
      scopes.map(parseScope).map((scope) => granted(scope, known)),
    )
    const lifetime = options.lifetime ?? 300
    const body = request.method === 'POST' ? { access_token: token } : { token }
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ ...body, expires_in: lifetime, issued_at: new Date().toISOString() }))
  }

  function granted(scope: Scope, known: boolean): Scope {
    if (known) return scope
    return {
      ...scope,
      actions: options.open?.includes(scope.name) === true ? scope.actions.filter((action) => action === 'pull') : [],
    }
  }

  const listening = await listenOnLoopback(server)
  return {
    realm: `${listening.origin}/token`,
    requests,
    [Symbol.asyncDispose]: () => listening.close(),
  }
}

interface Scope {
  readonly type: string
  readonly name: string
  readonly actions: readonly string[]
}

function parseScope(scope: string): Scope {
  const [type = '', ...rest] = scope.split(':')
  const actions = rest.pop() ?? ''
  return { type, name: rest.join(':'), actions: actions.split(',') }
}

function formUser(form: URLSearchParams): { readonly name: string; readonly password: string } | undefined {
  const name = form.get('username')
  return name === null ? undefined : { name, password: form.get('password') ?? '' }
}

function basicUser(header: string | undefined): { readonly name: string; readonly password: string } | undefined {
  if (header === undefined) return undefined
  const [name = '', ...password] = Buffer.from(header.slice(6), 'base64').toString().split(':')
  return { name, password: password.join(':') }
}

async function text(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

function signToken(options: TokenServerOptions, subject: string, access: readonly Scope[]): string {
  const now = Math.floor(Date.now() / 1000)
  const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const header = { typ: 'JWT', alg: 'ES256', x5c: [options.signer.der.toString('base64')] }
  const claims = {
    iss: 'test-issuer',
    sub: subject,
    aud: options.service,
    exp: now + (options.lifetime ?? 300),
    nbf: now - 10,
    iat: now,
    jti: randomUUID(),
    access: access.filter((scope) => scope.actions.length > 0),
  }
  const input = `${encode(header)}.${encode(claims)}`
  const signature = sign('sha256', Buffer.from(input), { key: options.signer.key, dsaEncoding: 'ieee-p1363' })
  return `${input}.${signature.toString('base64url')}`
}
