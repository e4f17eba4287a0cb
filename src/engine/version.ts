import { release } from 'node:os'
import { commit, version } from '../base/version.ts'
import { createNativeCore } from '../host/native-client.ts'
import type { Settings } from '../settings/settings.ts'

/** Release of docker's API whose words and documents these commands follow, and the oldest that a script may ask for. */
const [apiVersion, oldestApiVersion] = ['1.51', '1.24'] as const

/** docker's `version` document. There is no server: `Server` describes what does its work, for scripts that ask it. */
export interface Versions {
  readonly Client: Common & {
    readonly DefaultAPIVersion: string
    readonly Context: string
    readonly NodeVersion: string
    readonly CoreVersion: string
  }
  readonly Server: Common & {
    readonly Platform: { readonly Name: string }
    readonly Components: readonly Component[]
    readonly MinAPIVersion: string
    readonly KernelVersion: string
  }
}

interface Common {
  readonly Version: string
  readonly ApiVersion: string
  readonly GitCommit: string
  readonly Os: string
  readonly Arch: string
}

interface Component {
  readonly Name: string
  readonly Version: string
  readonly Details: Readonly<Record<string, string>>
}

/** Versions of everything that takes part. NATIVE_MISSING when the core does not start. */
export async function versions(settings: Settings): Promise<Versions> {
  const { stdout } = await createNativeCore(settings.corePath).oci(['--version'])
  const core = stdout
    .trim()
    .split('\n')[0]!
    .replace(/^tsbuild-core (version )?/, '')
  const common = {
    Version: version,
    ApiVersion: apiVersion,
    GitCommit: commit,
    Os: settings.platform.os,
    Arch: settings.platform.architecture,
  }
  const engine = {
    ApiVersion: apiVersion,
    Arch: common.Arch,
    Experimental: 'false',
    GitCommit: commit,
    KernelVersion: release(),
    MinAPIVersion: oldestApiVersion,
    Os: common.Os,
  }
  return {
    Client: withGoName({
      ...common,
      DefaultAPIVersion: apiVersion,
      Context: 'default',
      NodeVersion: process.version,
      CoreVersion: core,
    }),
    Server: withGoName({
      Platform: { Name: '' },
      Components: [
        { Name: 'Engine', Version: version, Details: engine },
        { Name: 'tsbuild-core', Version: core, Details: { GitCommit: commit } },
      ],
      ...common,
      MinAPIVersion: oldestApiVersion,
      KernelVersion: release(),
    }),
  }
}

/** docker's templates call it `.APIVersion`, its JSON `ApiVersion`. */
function withGoName<T extends Common>(document: T): T {
  return Object.defineProperty({ ...document }, 'APIVersion', { value: document.ApiVersion, enumerable: false })
}
