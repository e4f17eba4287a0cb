import { TsbuildError } from '../base/errors.ts'
import type { Isolation } from '../runtime/runtime-config.ts'
import type { Settings } from '../settings/settings.ts'

/** docker's, podman's and buildah's names of what is the rule here. */
const usual: readonly string[] = ['', 'default', 'process', 'oci', 'rootless']

/** `--isolation`, else what the settings say. Undefined: namespaces. USAGE for a name that does not exist. */
export function readIsolation(flag: string | undefined, settings: Settings): Isolation | undefined {
  const name = flag ?? settings.isolation ?? ''
  if (usual.includes(name)) return undefined
  if (name === 'chroot') return name
  throw new TsbuildError('USAGE', `Cannot isolate by "${name}": want default or chroot`)
}

export const chrootWarning =
  'Isolation by chroot alone: RUN steps see and may signal all processes of this machine or container, share its network, have no /proc and can leave their root: build only what you trust'
