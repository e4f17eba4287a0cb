import { invalidFlag } from '../../base/flag-error.ts'
import type { RestartPolicy } from '../container-spec.ts'

/** Parses `--restart no|always|unless-stopped|on-failure[:RETRIES]`. USAGE. */
export function parseRestart(text: string): RestartPolicy {
  const [policy, retries, rest] = text === '' ? ['no'] : text.split(':')
  if (rest !== undefined) throw invalidFlag('--restart', text, 'expected POLICY[:RETRIES]')
  if (policy !== 'no' && policy !== 'always' && policy !== 'unless-stopped' && policy !== 'on-failure') {
    throw invalidFlag(
      '--restart',
      text,
      `unknown policy "${policy}"`,
      'Policies: no, on-failure[:RETRIES], always, unless-stopped',
    )
  }
  if (retries === undefined) return { policy, maxRetries: 0 }
  if (policy !== 'on-failure') throw invalidFlag('--restart', text, `a number of retries does not go with ${policy}`)
  if (!/^\d+$/.test(retries)) throw invalidFlag('--restart', text, `"${retries}" is not a number of retries`)
  return { policy, maxRetries: Number(retries) }
}
