import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { StepNetworks } from '../build/ops/step-network.ts'

/** Host name of a step's sandbox where BUILDKIT_SANDBOX_HOSTNAME gives none; BuildKit's. */
const sandboxHostname = 'buildkitsandbox'

/** Connections of RUN steps. */
export function buildNetworks(volatile: string): StepNetworks {
  return {
    async connect({ id, mode, hosts, hostname }) {
      const name = hostname === '' ? sandboxHostname : hostname
      const directory = join(volatile, id)
      await mkdir(directory, { recursive: true, mode: 0o755 })
      const hostsFile = join(directory, 'hosts')
      await writeFile(hostsFile, hostsText(name, hosts))
      return {
        plan: { mode: mode === 'none' ? 'none' : 'host' },
        hostname: name,
        etc: { hosts: hostsFile, ...(mode === 'none' ? {} : { resolvConf: '/etc/resolv.conf' }) },
        [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
      }
    },
  }
}

function hostsText(hostname: string, hosts: readonly { readonly name: string; readonly address: string }[]): string {
  const own = [
    ['127.0.0.1', `localhost ${hostname}`],
    ['::1', 'localhost ip6-localhost ip6-loopback'],
  ]
  return [...own, ...hosts.map(({ name, address }) => [address, name])]
    .map(([address, names]) => `${address}\t${names}\n`)
    .join('')
}
