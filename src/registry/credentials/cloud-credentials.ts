import { TsbuildError, hasCode } from '../../base/errors.ts'
import { readUserFile } from '../../base/user-file.ts'
import { noCredentials } from '../auth/credentials.ts'
import type { Credentials } from '../auth/credentials.ts'
import type { CloudCredentials } from './credential-source.ts'

type Env = (name: string) => string | undefined

/**
 * What the environment of a cloud gives for its own registries, when nothing is stored for them. Nothing is looked up before a registry
 * asks. Amazon ECR: the default chain of the AWS SDK (keys, profile, SSO, web identity, container and instance roles). Google: an
 * access token or a service account's key. Azure: a service principal.
 */
export function cloudCredentials(env: Env): CloudCredentials {
  return (host) => {
    const found = forHost(host, env)
    return found === undefined ? undefined : { key: `cloud ${host}`, get: found }
  }
}

function forHost(host: string, env: Env): ((signal: AbortSignal) => Promise<Credentials>) | undefined {
  const ecr =
    /^\d{12}\.dkr[.-]ecr(?:-fips)?\.([a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|on\.aws|on\.amazonwebservices\.com\.cn)$/.exec(
      host,
    )
  if (ecr !== null) return async (signal) => (await import('./ecr.ts')).ecrCredentials(host, ecr[1] ?? '', signal)
  // Anonymous pulls work there: a machine without AWS must not wait for an instance role that it does not have.
  if (host === 'public.ecr.aws' && awsVariables.some((name) => env(name) !== undefined)) {
    return async (signal) => (await import('./ecr.ts')).ecrPublicCredentials(signal)
  }
  if (/(?:^|\.)(?:gcr\.io|pkg\.dev)$/.test(host)) return (signal) => googleCredentials(env, signal)
  if (/\.azurecr\.(?:io|cn|us)$/.test(host)) return async () => azureCredentials(env)
  return undefined
}

const awsVariables = [
  'AWS_ACCESS_KEY_ID',
  'AWS_PROFILE',
  'AWS_WEB_IDENTITY_TOKEN_FILE',
  'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI',
  'AWS_CONTAINER_CREDENTIALS_FULL_URI',
] as const

/** Artifact Registry "Authentication methods": an access token or a service account's key file as the password. */
async function googleCredentials(env: Env, signal: AbortSignal): Promise<Credentials> {
  const token = env('GOOGLE_OAUTH_ACCESS_TOKEN') ?? env('CLOUDSDK_AUTH_ACCESS_TOKEN')
  if (token !== undefined && token !== '') return { kind: 'basic', username: 'oauth2accesstoken', password: token }
  const path = env('GOOGLE_APPLICATION_CREDENTIALS')
  if (path === undefined || path === '') return noCredentials
  const key = await readUserFile(path, signal).catch((error: unknown) => {
    if (hasCode(error, 'CANCELLED')) throw error
    throw new TsbuildError('CREDENTIALS_INVALID', `Cannot read "${path}", which GOOGLE_APPLICATION_CREDENTIALS names`, {
      cause: error,
    })
  })
  const text = key.toString()
  // Other kinds (workload identity, user logins) are no passwords; they go through gcloud's helper.
  return /"type"\s*:\s*"service_account"/.test(text)
    ? { kind: 'basic', username: '_json_key', password: text }
    : noCredentials
}

/** Azure Container Registry "Authenticate with a service principal". */
function azureCredentials(env: Env): Credentials {
  const [username, password] = [env('AZURE_CLIENT_ID'), env('AZURE_CLIENT_SECRET')]
  return username === undefined || password === undefined || password === ''
    ? noCredentials
    : { kind: 'basic', username, password }
}
