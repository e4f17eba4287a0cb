import { TsbuildError, messageOf } from '../../base/errors.ts'
import { noCredentials } from '../auth/credentials.ts'
import type { Credentials } from '../auth/credentials.ts'

/** A password for a private Amazon ECR registry (API GetAuthorizationToken), good for 12 hours. Error: REGISTRY_UNAUTHORIZED. */
export async function ecrCredentials(host: string, region: string, signal: AbortSignal): Promise<Credentials> {
  const { ECRClient, GetAuthorizationTokenCommand } = await import('@aws-sdk/client-ecr')
  const client = new ECRClient({ region })
  try {
    const answer = await client.send(new GetAuthorizationTokenCommand({}), { abortSignal: signal })
    return readToken(host, answer.authorizationData?.[0]?.authorizationToken)
  } catch (error) {
    throw refused(host, error)
  } finally {
    client.destroy()
  }
}

/** The same for public.ecr.aws, whose API is in one region only; none without AWS credentials: anonymous pulls work. */
export async function ecrPublicCredentials(signal: AbortSignal): Promise<Credentials> {
  const host = 'public.ecr.aws'
  const { ECRPUBLICClient, GetAuthorizationTokenCommand } = await import('@aws-sdk/client-ecr-public')
  const client = new ECRPUBLICClient({ region: 'us-east-1' })
  try {
    const answer = await client.send(new GetAuthorizationTokenCommand({}), { abortSignal: signal })
    return readToken(host, answer.authorizationData?.authorizationToken)
  } catch (error) {
    if (isWithoutCredentials(error)) return noCredentials
    throw refused(host, error)
  } finally {
    client.destroy()
  }
}

function readToken(host: string, token: string | undefined): Credentials {
  const plain = Buffer.from(token ?? '', 'base64').toString('utf8')
  const colon = plain.indexOf(':')
  if (colon < 1) throw new TsbuildError('REGISTRY_PROTOCOL', `Cannot log in to ${host}: AWS gave no token`)
  return { kind: 'basic', username: plain.slice(0, colon), password: plain.slice(colon + 1) }
}

function isWithoutCredentials(error: unknown): boolean {
  return error instanceof Error && (error.name === 'CredentialsProviderError' || error.name === 'TokenProviderError')
}

function refused(host: string, error: unknown): TsbuildError {
  if (error instanceof TsbuildError) return error
  if (error instanceof Error && error.name === 'AbortError')
    return new TsbuildError('CANCELLED', 'Stopped before the end', { cause: error })
  const why = isWithoutCredentials(error) ? 'the environment has no AWS credentials' : messageOf(error)
  return new TsbuildError('REGISTRY_UNAUTHORIZED', `Cannot log in to ${host}: ${why}`, {
    cause: error,
    hint: 'Set AWS_PROFILE or the AWS key variables, or log in with a password: tsbuild login',
  })
}
