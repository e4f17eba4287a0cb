import { release } from 'node:os'
import { commit, version } from '../base/version.ts'
import { createNativeCore } from '../host/native-client.ts'
import type { Settings } from '../settings/settings.ts'

/** docker's `version` document. There is no server: `Server` describes what does its work, for scripts that ask it. */
export interface Versions {
  readonly Client: {
    readonly Version: string
    readonly GitCommit: string
    readonly NodeVersion: string
    readonly CoreVersion: string
    readonly Os: string
    readonly Arch: string
  }
  readonly Server: {
    readonly Version: string
    readonly GitCommit: string
    readonly Os: string
    readonly Arch: string
    readonly KernelVersion: string
  }
}

/** Versions of everything that takes part. NATIVE_MISSING when the core does not start. */
export async function versions(settings: Settings): Promise<Versions> {
  const { stdout } = await createNativeCore(settings.corePath).oci(['--version'])
  const common = { Version: version, GitCommit: commit, Os: settings.platform.os, Arch: settings.platform.architecture }
  return {
    Client: {
      ...common,
      NodeVersion: process.version,
      CoreVersion: stdout
        .trim()
        .split('\n')[0]!
        .replace(/^tsbuild-core (version )?/, ''),
    },
    Server: { ...common, KernelVersion: release() },
  }
}
