import { join } from 'node:path'
import { shortHash } from '../base/short-hash.ts'

/** The default network's interface on the host. Stores beside the usual one get names of their own, so that they do not meet. */
export function bridgeName({ root }: { readonly root: string }): string {
  if (root === '/var/lib/tsbuild') return 'tsbuild0'
  return `tsb-${shortHash(root)}`
}

/** Where the containers of an unprivileged user share a network namespace, in which it may have bridges. */
export function sharedNetwork({
  rootless,
  runRoot,
}: {
  readonly rootless: boolean
  readonly runRoot: string
}): string | undefined {
  return rootless ? join(runRoot, 'netns') : undefined
}
